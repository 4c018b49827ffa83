"""Ctrl-C ends a command as such wherever it comes, even where a library makes another error of it."""

import os
import signal
import subprocess
import sys

import pytest

_WITHIN = {
    "a command": "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
    "the making of a class": "type('Made', (), {'member': Member()})",
}
"""Where it comes: Python 3.11 makes a RuntimeError of whatever is raised while a class is made."""

_PROGRAM = """
import os, signal, sys, time
from flows import cli

class Member:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

@cli.app.command()
def interrupted() -> None:
    {where}

sys.argv = ["assay", "interrupted"]
cli.main()
"""


@pytest.mark.parametrize("where", _WITHIN)
def test_ctrl_c_is_told_as_such(where: str) -> None:
    # A shell that runs tests in the background lets its children ignore the signal.
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(where=_WITHIN[where])],
        capture_output=True, text=True, env=os.environ.copy(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.splitlines()[-1] == "assay: interrupted: run the same command again to go on"
