"""What is not whole yet lies in the state folder, and what a killed process left of it does not stay for ever."""

import signal
import subprocess
import sys
from pathlib import Path

from components.core.scratch import scratch_folder
from components.core.workspace import Workspace
from tests.conftest import HOUSE

KILLED = """
import os, signal, sys
from pathlib import Path
from components.core.scratch import scratch_folder
from components.core.workspace import Workspace
with scratch_folder(Workspace(root=Path(sys.argv[1]), home=Path(sys.argv[1]))) as folder:
    (folder / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_goes_and_what_a_living_one_works_with_stays(tmp_path: Path) -> None:
    here = Workspace(root=tmp_path, home=tmp_path)
    with scratch_folder(here) as mine:
        (mine / "half").touch()
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=HOUSE, check=False)
        assert done.returncode == -signal.SIGKILL
        assert len(list((tmp_path / "scratch").iterdir())) == 4
        with scratch_folder(here) as other:
            assert other.is_dir()
            assert (mine / "half").exists()
            assert len(list((tmp_path / "scratch").iterdir())) == 4
    assert not any((tmp_path / "scratch").iterdir())
