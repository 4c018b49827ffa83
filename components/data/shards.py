"""Draw what is missing of a dataset's shards, on all cores or workers, and lay their catalogues end to end.

    draw_shards(problem, settings.simulate, staging)

A shard appears in the folder whole and at once, so that a killed drawing goes on with what it had finished.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from components.core import AssayError, DataSettings, spread
from components.fields import CATALOGUE, Problem, Shard, ShardPlace, column_values, require_fields, shard_name, shards

__label__ = "shards"


def draw_shards(problem: Problem, settings: DataSettings, folder: Path) -> None:
    """Write every shard that a folder does not have yet, and the catalogue of all."""
    counts = problem.counts(settings)
    places, count = shards(counts, size=settings.shard_size), sum(counts.values())
    missing = [place for place in places if not _table_path(folder, place).exists()]
    done = count - sum(len(place.rows) for place in missing)
    with tqdm(total=count, initial=done, desc="simulate", unit="img", disable=None) as bar:
        draw, sources = partial(_draw_shard, problem, settings), problem.sources(settings)
        code = (draw_shards, *sources.simulation)
        for number, shard in spread(draw, missing, code=code, unused=sources.unused):
            _write_shard(shard, missing[number], folder)
            bar.update(len(missing[number].rows))
    tables = [pd.read_parquet(_table_path(folder, place)) for place in places]
    _write_table(pd.concat(tables, ignore_index=True), folder / CATALOGUE)


def _draw_shard(problem: Problem, settings: DataSettings, place: ShardPlace) -> Shard:
    drawn = problem.draw(settings, place.split, place.rows)
    stored = problem.stored(settings)
    columns = {of.name: column_values(drawn.columns[of.name]) for of in stored if of.name in drawn.columns}
    where = f"{place.split} shard {place.number} of {problem.name}"
    require_fields({**drawn.arrays, **columns}, stored, where, values=True)
    if len(drawn.columns) != len(place.rows):
        raise AssayError(f"{where} has {len(drawn.columns)} rows: must have {len(place.rows)}")
    return drawn


def _write_shard(drawn: Shard, place: ShardPlace, folder: Path) -> None:
    for name, array in drawn.arrays.items():
        unfinished = folder / f".{shard_name(name, place.split, place.number)}"
        with unfinished.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        unfinished.replace(folder / unfinished.name.removeprefix("."))
    unfinished = folder / f".table-{place.split}-{place.number:05d}"
    _write_table(drawn.columns.assign(split=place.split), unfinished)
    unfinished.replace(_table_path(folder, place))  # last and at once: a shard that has its table is whole


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """A Parquet file of nothing but its values: dictionaries, statistics and pandas' notes differ between versions."""
    plain = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(plain, path, compression="NONE", use_dictionary=False, write_statistics=False, store_schema=False)


def _table_path(folder: Path, place: ShardPlace) -> Path:
    return folder / f"table-{place.split}-{place.number:05d}.parquet"
