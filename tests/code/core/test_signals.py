"""Ctrl-C ends a block that says so, and waits for the end of one that must be whole."""

import signal
import threading

import pytest

from components.core.signals import ended_by_signals, interrupted_after

pytestmark = pytest.mark.usefixtures("ctrl_c")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end_of_the_block(number: int) -> None:
    done = []
    with ended_by_signals():
        with interrupted_after():
            signal.raise_signal(number)
            done.append("whole")
        done.append("never")
    assert done == ["whole"]


def test_the_second_one_does_not_wait() -> None:
    done = []

    def twice() -> None:
        with interrupted_after():
            signal.raise_signal(signal.SIGINT)
            done.append("first")
            signal.raise_signal(signal.SIGINT)
            done.append("second")

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert done == ["first"]


def test_handlers_are_what_they_were_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(ZeroDivisionError), interrupted_after():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_another_thread_than_the_main_one_may_use_it() -> None:
    done = []

    def work() -> None:
        with interrupted_after():
            done.append("whole")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["whole"]
