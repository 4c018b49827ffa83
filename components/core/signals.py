"""Signals that end a process: as the end of a block, and held back for as long as a block must be whole."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C, and any of them as the end of the block."""

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupted_after() -> Iterator[None]:
    """Have Ctrl-C and what else raises an exception in this process wait for the end of the block; the second does not.

    An exception between any two lines of a database's driver can leave its connection open, and with it its lock. Only
    the main thread is ever interrupted: elsewhere nothing is changed.
    """
    noted: list[signal.Signals] = []
    before: dict[signal.Signals, Any] = {}
    whole = True

    def note(received: int, frame: FrameType | None) -> None:
        number = signal.Signals(received)
        if whole and not noted:
            noted.append(number)
        else:
            before[number](number, frame)

    try:
        with suppress(ValueError):  # not the main thread
            for number in _ENDING:
                before[number] = signal.getsignal(number)
                if callable(before[number]):
                    signal.signal(number, note)
        yield
    finally:
        whole = False
        with suppress(ValueError):
            for number, handler in before.items():
                if callable(handler):
                    signal.signal(number, handler)
        for number in noted:
            signal.raise_signal(number)
