"""A dataset drawn by the workers of a Dask scheduler: two of them over one, and over this machine's own processes.

python -m benchmarks shared_simulation             # where two cores are free
"""

import os
import tempfile
import time
from pathlib import Path
from unittest import mock

from components.core import load_settings
from components.data.shards import draw_shards
from components.problems import find_problem
from tests.dask_workers import dask_workers

_HOUSE = Path(__file__).parents[1]
_COUNT, _SHARD = 8192, 256


def main() -> None:
    """Print seconds and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        own = _drawn(Path(folder) / "own")
        one, two = (_by_workers(Path(folder) / f"{number}-workers", number) for number in (1, 2))
    print(f"{_COUNT} galaxies: {own:.1f} s by this machine's processes, {one:.1f} s by one worker, {two:.1f} s by two")
    print(f"two workers over one: {one / two:.2f} (asked: at least 1.8 where two cores are free)")


def _drawn(folder: Path) -> float:
    problem = find_problem("galaxy-shape")
    chosen = {"simulate": {"count": _COUNT, "shard_size": _SHARD}}
    settings = load_settings(_HOUSE / "params.yaml", problem.name, problem.settings, overrides=chosen)
    folder.mkdir()
    began = time.perf_counter()
    draw_shards(problem, settings.simulate, folder)
    return time.perf_counter() - began


def _by_workers(folder: Path, count: int) -> float:
    """With a thread each, as a cluster's workers have; the second time, so that all have imported what they need."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with mock.patch.dict(os.environ, single), dask_workers(folder.with_suffix(".logs"), count) as address:
        os.environ["ASSAY_DASK_URL"] = address
        _drawn(folder.with_suffix(".first"))
        return _drawn(folder)


if __name__ == "__main__":
    main()
