"""Make a problem's dataset: all cores draw shards into a staging folder, which is published once it is validated.

    staged = simulate(workspace, problem, settings.simulate)      # returns at once when it is there already
    publish(workspace, staged)

A killed simulation goes on with the shards it had finished. The same settings and code give the same bytes everywhere;
which code that was stands in data.dvc, beside the data.
"""

import json
import math
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.core import (
    DataSettings,
    KnownDigests,
    Workspace,
    code_of,
    file_sha256,
    sealed,
    settings_values,
    value_digest,
)
from components.data.data_file import read_row, write_row
from components.data.fingerprint import simulator_fingerprint
from components.data.shards import draw_shards
from components.fields import CATALOGUE, MANIFEST, Dataset, Problem, read_manifest

__label__ = None


def simulator_inputs(problem: Problem, settings: DataSettings) -> dict[str, Any]:
    """Everything that decides what the dataset is: code by module, settings by name, library versions."""
    sources = problem.sources(settings)
    code = code_of(draw_shards, simulator_fingerprint, *sources.simulation, unused=sources.unused)
    read = problem.material(settings)
    return {**code.as_inputs(), "settings": settings_values(settings), **({"material": dict(read)} if read else {})}


def dataset_key(problem: Problem, settings: DataSettings) -> str:
    """Digest of the inputs of a dataset: equal keys, equal bytes."""
    return inputs_key(problem.name, simulator_inputs(problem, settings))


def inputs_key(problem: str, inputs: Mapping[str, Any]) -> str:
    """The same of inputs that are known already."""
    return value_digest({"problem": problem, **inputs})[:16]


def is_made_by(workspace: Workspace, dataset: Dataset, key: str) -> bool:
    """Whether a published dataset is what inputs of a key came to, as far as data.dvc knows."""
    row = read_row(workspace, dataset.manifest["problem"])
    return row is not None and (row.key, row.dataset) == (key, dataset.digest)


def simulate(workspace: Workspace, problem: Problem, settings: DataSettings, *, force: bool = False) -> Dataset:
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
    staging, known = staging_folder(workspace, problem, key), KnownDigests(folder=workspace.digests)
    if force:
        shutil.rmtree(staging, ignore_errors=True)
    else:
        row = read_row(workspace, problem.name)
        if row is not None and row.key == key and read_manifest(workspace.dataset(problem.name)) is not None:
            published = Dataset.open(workspace.dataset(problem.name), known)
            if published.digest == row.dataset:
                return published
        if read_manifest(staging) is not None:
            return Dataset.open(staging, known)
    size = sum(problem.counts(settings).values()) * sum(
        math.prod(field.shape) * np.dtype(field.dtype).itemsize for field in problem.stored(settings)
    )
    workspace.prepare(need_bytes=3 * size)  # staged, published, and in the DVC cache
    staging.mkdir(parents=True, exist_ok=True)
    draw_shards(problem, settings, staging)
    write_manifest(
        staging,
        problem=problem.name,
        settings=settings_values(settings),
        fingerprint=simulator_fingerprint(problem, settings),
        material=problem.material(settings),
    )
    return Dataset.open(staging, known)


def write_manifest(
    folder: Path,
    *,
    problem: str,
    settings: Mapping[str, Any],
    fingerprint: str,
    material: Mapping[str, Any] | None = None,
) -> None:
    """Seal a folder: digest its catalogue and shards, and write the manifest last."""
    names = [CATALOGUE, *sorted(path.name for path in folder.glob("[!.]*.npy"))]
    files = {name: [(folder / name).stat().st_size, file_sha256(folder / name)] for name in names}
    manifest = {"problem": problem, "settings": settings, "fingerprint": fingerprint, "files": files}
    if material:
        manifest["material"] = material
    partial = folder / f".{MANIFEST}"
    partial.write_text(json.dumps(sealed(manifest), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / MANIFEST)


def publish(workspace: Workspace, staged: Dataset) -> Dataset:
    """Put a validated dataset in its place under ``data/``; the staged copy goes last, so a kill loses nothing."""
    problem = staged.manifest["problem"]
    published = workspace.dataset(problem)
    if staged.folder == published:
        return staged
    # First, so that after a kill the data that is in its place is known by what made it: by the key that its drawing
    # began with, whatever became of the code since.
    write_row(workspace, problem, meta={"dataset": staged.digest, "key": staged.folder.name})
    workspace.data.mkdir(exist_ok=True)
    incoming = published.with_name(f".{published.name}.{uuid.uuid4().hex[:8]}")
    for leftover in workspace.data.glob(f".{published.name}.*"):
        shutil.rmtree(leftover)
    incoming.mkdir()
    for name in [*staged.manifest["files"], MANIFEST]:
        shutil.copy2(staged.folder / name, incoming / name)
    if published.exists():
        outgoing = published.with_name(f".{published.name}.old")
        published.rename(outgoing)
        incoming.rename(published)
        shutil.rmtree(outgoing)
    else:
        incoming.rename(published)
    dataset = Dataset.open(published)  # every byte of the copy
    shutil.rmtree(staged.folder)
    return dataset


def staging_folder(workspace: Workspace, problem: Problem, key: str) -> Path:
    """Where the dataset of a key grows until it is published."""
    return workspace.home / "drawing" / problem.name / key
