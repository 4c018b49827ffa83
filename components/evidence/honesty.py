"""Measure a model's honesty over night and keep the table: biases to a precision that an evaluation has no time for.

    table = measured_honesty(workspace, problem, model_folder, settings)
    table = find_honesty(workspace, problem, read_description(model_folder), settings)     # None when nobody measured

It is kept as evaluations are, under a digest of what it rests on (weights, settings, code); promotions to production
read it (`gates.honesty` of params.yaml).
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm.auto import tqdm

from components.core import AssayError, IntegrityError, ProblemSettings, Workspace, value_digest
from components.evidence.asking import asking
from components.evidence.inputs import honesty_inputs
from components.evidence.keeping import evaluated_weights, is_whole, read_folder, seal_folder, write_folder
from components.fields import Metric, Problem, Report
from models.descriptions import read_description
from models.devices import best_device
from models.estimators import load_model

__label__ = None


@dataclass(frozen=True, kw_only=True)
class HonestyTable:
    """A measurement on disk."""

    folder: Path
    key: str
    """Digest of what was measured, and how."""
    digest: str
    """Digest of what came out."""
    metrics: Mapping[str, Metric]
    summary: str
    report: Report


def measured_honesty(
    workspace: Workspace, problem: Problem, model_folder: Path, settings: ProblemSettings
) -> HonestyTable:
    """Measure a model, or read the measurement of the very same inputs.

    Raises:
        AssayError: when the problem has no such measurement.
        DamagedModelError: when the weights are not what was saved.
        IntegrityError: when a table that is there was changed.
    """
    if settings.honesty is None:
        raise AssayError(f"{problem.name} has no `honesty` section in params.yaml: nothing says how it is measured")
    description = read_description(model_folder)
    inputs = honesty_inputs(problem, description, settings)
    folder = _folder(workspace, problem, inputs)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not is_whole(folder):
            _measure(problem, model_folder, settings, folder, inputs)
    return _read(folder, inputs)


def find_honesty(
    workspace: Workspace, problem: Problem, description: Mapping[str, Any], settings: ProblemSettings
) -> HonestyTable | None:
    """The table of today's code and settings; None when there is none.

    Raises:
        IntegrityError: when it was changed.
    """
    if settings.honesty is None:
        return None
    inputs = honesty_inputs(problem, description, settings)
    folder = _folder(workspace, problem, inputs)
    return _read(folder, inputs) if is_whole(folder) else None


def was_measured(workspace: Workspace, problem: Problem, weights: str) -> bool:
    """Whether there is a table of these weights, be it stale."""
    folders = workspace.honesty(problem.name)
    return folders.is_dir() and any(evaluated_weights(folder) == weights for folder in folders.iterdir())


def adopt_honesty(workspace: Workspace, problem: Problem, found: Path) -> None:
    """Take a table that was measured elsewhere, unless there is one of the very same here.

    Args:
        workspace: who takes it.
        problem: whose table it is.
        found: its folder, whole; it is moved.

    Raises:
        IntegrityError: when it is not what was written.
    """
    folder = workspace.honesty(problem.name) / read_folder(found, again="measure again").key[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(found, folder)


def _measure(
    problem: Problem, model_folder: Path, settings: ProblemSettings, folder: Path, inputs: Mapping[str, Any]
) -> None:
    device = best_device()
    estimator, _ = load_model(model_folder)
    with tqdm(desc="honesty", unit="img", disable=None) as bar:
        found = problem.measure_honesty(asking(estimator.to(device)), settings, device=device, progress=bar.update)
    write_folder(folder, plots=found.plots, tables=found.tables, sections=found.sections)
    tables = [f"{name}.parquet" for name in found.tables]
    seal_folder(folder, inputs, found.metrics, {"summary": found.summary, "report": asdict(found.report)}, files=tables)


def _folder(workspace: Workspace, problem: Problem, inputs: Mapping[str, Any]) -> Path:
    return workspace.honesty(problem.name) / value_digest(inputs)[:16]


def _read(folder: Path, inputs: Mapping[str, Any]) -> HonestyTable:
    kept = read_folder(folder, again="measure again")
    if kept.key != value_digest(inputs):
        raise IntegrityError(f"{folder} is of something else: delete that folder and measure again")
    return HonestyTable(
        folder=folder,
        key=kept.key,
        digest=kept.digest,
        metrics=kept.metrics,
        summary=kept.document["summary"],
        report=Report.of_json(kept.document["report"]),
    )
