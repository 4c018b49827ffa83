"""Draw what is missing of a dataset's shards, on all cores, and lay their catalogues end to end.

    draw_shards(problem, settings.simulate, staging)

A shard appears in the folder whole and at once, so that a killed drawing goes on with what it had finished.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from components.core import AssayError, SimulationSettings, die_with_parent
from components.fields import CATALOGUE, Problem, column_values, require_fields, shard_count, shard_name, shard_rows

__label__ = "shards"


def draw_shards(problem: Problem, settings: SimulationSettings, folder: Path) -> None:
    """Write every shard that a folder does not have yet, and the catalogue of all."""
    count = shard_count(settings)
    missing = [shard for shard in range(count) if not _table_path(folder, shard).exists()]
    done = settings.count - sum(len(shard_rows(settings, shard)) for shard in missing)
    workers = min(os.cpu_count() or 1, max(1, len(missing)))
    with (
        tqdm(total=settings.count, initial=done, desc="simulate", unit="img", disable=None) as bar,
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=die_with_parent) as pool,
    ):
        jobs = {pool.submit(_draw_shard, problem, settings, shard, folder): shard for shard in missing}
        for job in as_completed(jobs):
            job.result()
            bar.update(len(shard_rows(settings, jobs[job])))
    tables = [pd.read_parquet(_table_path(folder, shard)) for shard in range(count)]
    pd.concat(tables, ignore_index=True).to_parquet(folder / CATALOGUE, index=False)


def _draw_shard(problem: Problem, settings: SimulationSettings, shard: int, folder: Path) -> None:
    drawn = problem.draw_shard(settings, shard)
    stored = problem.stored(settings)
    columns = {of.name: column_values(drawn.columns[of.name]) for of in stored if of.name in drawn.columns}
    where, rows = f"shard {shard} of {problem.name}", shard_rows(settings, shard)
    require_fields({**drawn.arrays, **columns}, stored, where, values=True)
    if "split" not in drawn.columns or len(drawn.columns) != len(rows):
        found = f"{len(drawn.columns)} rows with the columns {', '.join(map(str, drawn.columns))}"
        raise AssayError(f"{where} has {found}: must be {len(rows)} rows, split among the columns")
    for name, array in drawn.arrays.items():
        partial = folder / f".{shard_name(name, shard)}"
        with partial.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        partial.replace(folder / shard_name(name, shard))
    partial = folder / f".table-{shard:05d}"
    drawn.columns.to_parquet(partial, index=False)
    partial.replace(_table_path(folder, shard))  # last and at once: a shard that has its table is whole


def _table_path(folder: Path, shard: int) -> Path:
    return folder / f"table-{shard:05d}.parquet"
