"""Run the real command line in a house, as a user would."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from components.core.workspace import Workspace
from flows import cli

ASSAY = [sys.executable, "-m", "assay"]


def environment(workspace: Workspace, **more: str) -> dict[str, str]:
    """The user's environment, with nothing of another house and an empty home folder beside this one."""
    home = workspace.root.parent / "user"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY", "PREFECT", "MLFLOW"))}
    return kept | {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | more


def start(workspace: Workspace, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    """Start `assay` with its standard error as a pipe."""
    return subprocess.Popen(
        [*ASSAY, *arguments],
        cwd=workspace.root,
        env=environment(workspace, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a terminal starts it: where the tests themselves run in the background, Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def assay(workspace: Workspace, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run `assay` to its end."""
    return subprocess.run(
        [*ASSAY, *arguments],
        cwd=workspace.root,
        env=environment(workspace, **more),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def assay_here(workspace: Workspace, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """The same in this process, which has the heavy imports behind it; for commands that start nothing."""
    before = Path.cwd()
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment(workspace, **more), clear=True),
        mock.patch.object(sys, "argv", ["assay", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        os.chdir(workspace.root)
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            os.chdir(before)
    return subprocess.CompletedProcess(list(arguments), status, out.getvalue(), err.getvalue())


def refused(done: "subprocess.CompletedProcess[str]", *named: str, status: int = 1) -> None:
    """Assert that a command ended with a status and one line that names what is wrong."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("assay:")]
    assert len(lines) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == lines[0]
    for part in named:
        assert part in lines[0], lines[0]
