"""The parts of a promotion, each carried out and told of: by nobody, or by steps of a flow that show it.

results = tell("gate", work)           # a `Teller`; `quietly` is the one that tells nobody
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Teller(Protocol):
    """Carries out a part of a promotion, and tells of it: `gate`, `package`, `prove` or `stage`."""

    def __call__(self, part: str, work: Callable[[], tuple[Result, str]]) -> Result:
        """Call ``work``, which returns its result and a line about it."""
        ...


def quietly(part: str, work: Callable[[], tuple[Result, str]]) -> Result:  # noqa: ARG001
    """A `Teller` that tells nobody."""
    return work()[0]
