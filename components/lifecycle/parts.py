"""The parts of a promotion, each carried out and told of: by nobody, or by steps of a flow that show it.

results = tell("gate", "staging", work)           # a `Teller`; `quietly` is the one that tells nobody
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Teller(Protocol):
    """Carries out a part of a promotion, and tells of it: `gate`, `package`, `prove` or `stage`."""

    def __call__(self, part: str, stage: str, work: Callable[[], tuple[Result, str]]) -> Result:
        """Call ``work``, which returns its result and a line about it.

        Args:
            part: its name.
            stage: what it is a part of the promotion to.
            work: what it does.
        """
        ...


Shower = Callable[[str, str], None]
"""Shows a stage and the page of verdicts on a version for it, be they such that it gets there or not."""


def show_nobody(stage: str, page: str) -> None:
    """A `Shower` that shows nobody."""


def quietly(part: str, stage: str, work: Callable[[], tuple[Result, str]]) -> Result:  # noqa: ARG001
    """A `Teller` that tells nobody."""
    return work()[0]
