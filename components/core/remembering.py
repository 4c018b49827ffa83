"""What a function returned, remembered: `functools.cache` for functions that are sent to other processes.

drawn = Remembered(draw)              # and drawn(settings) draws once; a copy elsewhere draws for itself
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

__label__ = None

R = TypeVar("R")


class Remembered(Generic[R]):
    """A function whose results are kept, by its arguments.

    Args:
        function: of what can be told apart by its hash.
    """

    def __init__(self, function: Callable[..., R]) -> None:
        self._function, self._kept = function, dict[tuple[Hashable, ...], R]()

    def __call__(self, *arguments: Hashable) -> R:
        """What it returned at first."""
        if arguments not in self._kept:
            self._kept[arguments] = self._function(*arguments)
        return self._kept[arguments]

    def __getstate__(self) -> dict[str, Any]:
        """Without the results, which are made again where they are wanted."""
        return {"_function": self._function, "_kept": {}}
