"""A dataset of 200,000 stamps with bounds, validated and versioned, in processes that may not take more memory.

python -m benchmarks dataset
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from components.fields import Dataset
from tests.conftest import HOUSE, make_house

_COUNT = 200_000
_LIMIT = 2**31
"""Bytes of data of any one process (RLIMIT_DATA); a process that asks for more gets a MemoryError."""


def main() -> None:
    """Print the time, stamps a second, and the largest memory of all processes together."""
    with tempfile.TemporaryDirectory() as folder:
        house = make_house(Path(folder) / "house", {"simulate": {"count": _COUNT, "shard_size": 4096}})
        command = [sys.executable, "-m", "assay", "simulate", "galaxy-shape", "--json"]
        start, most = time.perf_counter(), 0
        process = psutil.Popen(
            command,
            cwd=house.root,
            env=os.environ | {"PYTHONPATH": str(HOUSE)},
            stdout=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (_LIMIT, _LIMIT)),
        )
        while process.poll() is None:
            most = max(most, _memory(process))
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise SystemExit(f"assay simulate ended with status {process.returncode}")
        made = json.load(process.stdout)
        catalogue = Dataset.open(Path(made["folder"])).catalogue
        bounds = catalogue.filter(like="crb_")
        assert len(catalogue) == _COUNT
        assert bool((bounds > 0).all().all())
        assert not bounds.isna().any().any()
    print(
        f"{_COUNT} stamps with bounds, validated and versioned: {seconds / 60:.1f} minutes on {os.cpu_count()} cores, "
        f"{_COUNT / seconds:.0f} stamps/s; no process above {_LIMIT / 2**30:.0f} GiB of data (limit), "
        f"all together {most / 2**30:.2f} GiB (unique set size)"
    )


def _memory(process: psutil.Popen) -> int:
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total


if __name__ == "__main__":
    main()
