"""A Dask scheduler and workers as processes of this machine, as a cluster would have them on several.

with dask_workers(tmp_path, 2) as address:
    monkeypatch.setenv("ASSAY_DASK_URL", address)
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from components.core.processes import LOCALHOST, free_port, running


@contextmanager
def dask_workers(folder: Path, count: int) -> Iterator[str]:
    """The scheduler's address; logs lie in a folder."""
    address = f"tcp://{LOCALHOST}:{free_port()}"
    with ExitStack() as stack:
        stack.enter_context(running(dask_scheduler(address), log=folder / "scheduler.log"))
        for number in range(count):
            stack.enter_context(running(dask_worker(address), log=folder / f"worker-{number}.log"))
        yield address


def dask_scheduler(address: str) -> list[str]:
    """The command that starts one."""
    host, port = address.removeprefix("tcp://").split(":")
    return [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"]


def dask_worker(address: str) -> list[str]:
    """The command that starts one with one thread."""
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"]
    return [*command, "--host", LOCALHOST]
