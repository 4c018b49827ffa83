"""Make a problem's dataset: all cores draw shards into a staging folder, which is published once it is validated.

    staged = simulate(workspace, problem, settings.simulate)      # returns at once when it is there already
    publish(workspace, staged)

A killed simulation goes on with the shards it had finished. The same settings and code give the same bytes.
"""

import multiprocessing
import os
import shutil
import uuid
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from components.datasets import CATALOGUE, Dataset, read_manifest, shard_name, write_manifest
from components.digests import code_digest, value_digest
from components.problems import find_problem
from components.problems.base import Problem
from components.processes import die_with_parent
from components.settings import SimulationSettings, settings_values
from components.workspace import Workspace

_FINGERPRINT_STEP = 0.01
"""Reference stamps are compared in steps of this many σ: far below what a network can see, far above rounding."""


def simulator_inputs(problem: Problem, settings: SimulationSettings) -> dict[str, Any]:
    """Everything that decides what the dataset is: code by module, settings by name, library versions."""
    return {
        "code": code_digest(problem.simulator_sources()),
        "settings": settings_values(settings),
        # A local label such as +cpu tells builds of one version apart, which draw the same.
        "libraries": {name: version(name).split("+")[0] for name in problem.simulator_libraries(settings)},
    }


def dataset_key(problem: Problem, settings: SimulationSettings) -> str:
    """Digest of the inputs of a dataset: equal keys, equal bytes."""
    return value_digest({"problem": problem.name, **simulator_inputs(problem, settings)})


def simulator_fingerprint(problem: Problem, settings: SimulationSettings) -> str:
    """Digest of what the simulator does: its reference stamps in units of the noise, rounded to 0.01 σ."""
    rounded = np.rint(problem.reference_stamps(settings) / _FINGERPRINT_STEP).astype("<i4")
    return value_digest({"shape": rounded.shape, "stamps": rounded.tobytes().hex()})


def simulate(workspace: Workspace, problem: Problem, settings: SimulationSettings, *, force: bool = False) -> Dataset:
    """The dataset of these settings: the published one, a finished staged one, or a new one.

    Args:
        workspace: where to.
        problem: what to draw.
        settings: its `simulate` section.
        force: make it anew although one is there.

    Raises:
        IntegrityError: when the published dataset of these very settings is damaged.
        AssayError: when the disk is too small.
    """
    key = dataset_key(problem, settings)
    published = workspace.dataset(problem.name)
    staging = staging_folder(workspace, problem, key)
    if force:
        shutil.rmtree(staging, ignore_errors=True)
    elif (read_manifest(published) or {}).get("key") == key:
        return Dataset.open(published)
    elif (read_manifest(staging) or {}).get("key") == key:
        return Dataset.open(staging)
    size = problem.reference_stamps(settings)[0].nbytes * settings.count
    workspace.prepare(need_bytes=3 * size)  # staged, published, and in the DVC cache
    staging.mkdir(parents=True, exist_ok=True)
    _draw_missing_shards(problem, settings, staging)
    tables = [pd.read_parquet(_table_path(staging, shard)) for shard in range(settings.shards)]
    pd.concat(tables, ignore_index=True).to_parquet(staging / CATALOGUE, index=False)
    write_manifest(
        staging,
        problem=problem.name,
        key=key,
        inputs=simulator_inputs(problem, settings),
        fingerprint=simulator_fingerprint(problem, settings),
    )
    return Dataset.open(staging)


def publish(workspace: Workspace, staged: Dataset) -> Dataset:
    """Put a validated dataset in its place under ``data/``; the staged copy goes last, so a kill loses nothing."""
    published = workspace.dataset(staged.manifest["problem"])
    if staged.folder == published:
        return staged
    workspace.data.mkdir(exist_ok=True)
    incoming = published.with_name(f".{published.name}.{uuid.uuid4().hex[:8]}")
    for leftover in workspace.data.glob(f".{published.name}.*"):
        shutil.rmtree(leftover)
    incoming.mkdir()
    for name in [*staged.manifest["files"], "manifest.json"]:
        shutil.copy2(staged.folder / name, incoming / name)
    if published.exists():
        outgoing = published.with_name(f".{published.name}.old")
        published.rename(outgoing)
        incoming.rename(published)
        shutil.rmtree(outgoing)
    else:
        incoming.rename(published)
    dataset = Dataset.open(published)
    shutil.rmtree(staged.folder)
    return dataset


def staging_folder(workspace: Workspace, problem: Problem, key: str) -> Path:
    """Where the dataset of a key grows until it is published."""
    return workspace.home / "staging" / problem.name / key[:16]


def _draw_missing_shards(problem: Problem, settings: SimulationSettings, staging: Path) -> None:
    missing = [shard for shard in range(settings.shards) if not (staging / shard_name(shard)).exists()]
    done = settings.count - sum(len(settings.shard_rows(shard)) for shard in missing)
    workers = min(os.cpu_count() or 1, max(1, len(missing)))
    with (
        tqdm(total=settings.count, initial=done, desc="simulate", unit="img", disable=None) as bar,
        ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=die_with_parent) as pool,
    ):
        jobs = {pool.submit(_draw_shard, problem.name, settings, shard, staging): shard for shard in missing}
        for job in as_completed(jobs):
            job.result()
            bar.update(len(settings.shard_rows(jobs[job])))


def _table_path(staging: Path, shard: int) -> Path:
    return staging / f"table-{shard:05d}.parquet"


def _draw_shard(problem_name: str, settings: SimulationSettings, shard: int, staging: Path) -> None:
    drawn = find_problem(problem_name).draw_shard(settings, shard)
    drawn.catalogue.to_parquet(_table_path(staging, shard), index=False)
    partial = staging / f".{shard_name(shard)}"
    with partial.open("wb") as file:
        np.save(file, drawn.stamps, allow_pickle=False)
    partial.replace(staging / shard_name(shard))  # last and at once: a shard that is there is whole
