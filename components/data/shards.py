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
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from components.core import AssayError, DataSettings, die_with_parent
from components.fields import CATALOGUE, Problem, ShardPlace, column_values, require_fields, shard_name, shards

__label__ = "shards"


def draw_shards(problem: Problem, settings: DataSettings, folder: Path) -> None:
    """Write every shard that a folder does not have yet, and the catalogue of all."""
    counts = problem.counts(settings)
    places, count = shards(counts, size=settings.shard_size), sum(counts.values())
    missing = [place for place in places if not _table_path(folder, place).exists()]
    done = count - sum(len(place.rows) for place in missing)
    workers = min(os.cpu_count() or 1, max(1, len(missing)))
    with (
        tqdm(total=count, initial=done, desc="simulate", unit="img", disable=None) as bar,
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=die_with_parent) as pool,
    ):
        jobs = {pool.submit(_draw_shard, problem, settings, place, folder): place for place in missing}
        for job in as_completed(jobs):
            job.result()
            bar.update(len(jobs[job].rows))
    tables = [pd.read_parquet(_table_path(folder, place)) for place in places]
    _write_table(pd.concat(tables, ignore_index=True), folder / CATALOGUE)


def _draw_shard(problem: Problem, settings: DataSettings, place: ShardPlace, folder: Path) -> None:
    drawn = problem.draw(settings, place.split, place.rows)
    stored = problem.stored(settings)
    columns = {of.name: column_values(drawn.columns[of.name]) for of in stored if of.name in drawn.columns}
    where = f"{place.split} shard {place.number} of {problem.name}"
    require_fields({**drawn.arrays, **columns}, stored, where, values=True)
    if len(drawn.columns) != len(place.rows):
        raise AssayError(f"{where} has {len(drawn.columns)} rows: must have {len(place.rows)}")
    for name, array in drawn.arrays.items():
        partial = folder / f".{shard_name(name, place.split, place.number)}"
        with partial.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        partial.replace(folder / partial.name.removeprefix("."))
    partial = folder / f".table-{place.split}-{place.number:05d}"
    _write_table(drawn.columns.assign(split=place.split), partial)
    partial.replace(_table_path(folder, place))  # last and at once: a shard that has its table is whole


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """A Parquet file of nothing but its values: dictionaries, statistics and pandas' notes differ between versions."""
    plain = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(plain, path, compression="NONE", use_dictionary=False, write_statistics=False, store_schema=False)


def _table_path(folder: Path, place: ShardPlace) -> Path:
    return folder / f"table-{place.split}-{place.number:05d}.parquet"
