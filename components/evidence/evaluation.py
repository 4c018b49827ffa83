"""Evaluate a model on a dataset and keep the evidence: metrics with intervals, losses, predictions and pictures.

    evidence = evaluate(workspace, problem, model_folder, dataset, settings)

The evidence is kept under a digest of its inputs (weights, data, settings, code), which is also what gates check
that it is not stale.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm.auto import tqdm

from components.core import IntegrityError, ProblemSettings, Workspace, scratch_folder, value_digest
from components.evidence.asking import asking
from components.evidence.card import write_card
from components.evidence.confirmation_reads import confirmed_on
from components.evidence.honesty import find_honesty
from components.evidence.inputs import evaluation_inputs
from components.evidence.keeping import is_whole, read_folder, seal_folder, write_folder
from components.evidence.refusals import require_unchanged, require_unseen
from components.evidence.timing import hardware
from components.fields import Dataset, Loss, Metric, Problem, Report
from models.descriptions import read_description
from models.devices import best_device
from models.estimators import load_model

__label__ = None

TESTED_RANGE = "tested_range.json"
_LOSSES = "losses.parquet"
_SLICE = "slice"
"""Its column that names each image's slice."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An evaluation on disk."""

    folder: Path
    key: str
    """Digest of what was evaluated, on what, how."""
    digest: str
    """Digest of what came out, but for what the clock said."""
    metrics: Mapping[str, Metric]
    """With those by the clock."""
    headline: tuple[str, ...]
    summary: str
    losses: tuple[Loss, ...]
    slices: np.ndarray[Any, Any]
    report: Report
    tested_range: Mapping[str, Any]
    """Where the model was found reliable."""


def evaluate(
    workspace: Workspace, problem: Problem, model_folder: Path, dataset: Dataset, settings: ProblemSettings
) -> Evidence:
    """Evaluate a model, or read the evaluation of the very same inputs.

    Raises:
        DamagedModelError: when the weights are not what was saved.
        CannotBeEvaluatedError: when it learned from images of the test or the confirmation split, or does not keep
            which images it learned from.
        IntegrityError: when evidence that is there was changed.
        AssayError: when the dataset was replaced meanwhile.
    """
    inputs = evaluation_inputs(problem, read_description(model_folder), dataset.digest, settings)
    key = value_digest(inputs)
    folder = _folder(workspace, problem, inputs)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not is_whole(folder):
            _gather(workspace, problem, model_folder, dataset, settings, folder, inputs)
    evidence = read_evidence(folder)
    if evidence.key != key:
        raise IntegrityError(f"evaluation {folder} is of something else: delete that folder and evaluate again")
    return evidence


def _gather(
    workspace: Workspace,
    problem: Problem,
    model_folder: Path,
    dataset: Dataset,
    settings: ProblemSettings,
    folder: Path,
    inputs: Mapping[str, Any],
) -> None:
    device = best_device()
    estimator, description = load_model(model_folder)
    require_unseen(model_folder, description, problem, dataset)
    with tqdm(desc="evaluate", unit="img", disable=None) as bar:
        result = problem.evaluate(
            asking(estimator.to(device)),
            dataset,
            settings,
            device=device,
            cache=workspace.home / "references",
            progress=bar.update,
        )
    require_unchanged(dataset)
    write_folder(folder, plots=result.plots, tables=result.tables, sections=result.sections)
    (folder / TESTED_RANGE).write_text(json.dumps(result.tested_range, indent=1) + "\n", encoding="utf-8")
    columns = {loss.name: loss.values for loss in result.losses}
    pd.DataFrame({**columns, _SLICE: result.slices}).to_parquet(folder / _LOSSES, index=False)
    _write_card(workspace, problem, description, result.summary, dataset, settings, folder)
    document = {
        "headline": result.headline,
        "summary": result.summary,
        "losses": [{"name": loss.name, "scale": loss.scale, "floor": loss.floor} for loss in result.losses],
        "report": asdict(result.report),
        "tested_range": result.tested_range,
    }
    seal_folder(folder, inputs, result.metrics, document, files=(_LOSSES,), timings=result.timings)


def is_evaluated(
    workspace: Workspace, problem: Problem, model_folder: Path, dataset: Dataset, settings: ProblemSettings
) -> bool:
    """Whether `evaluate` would only read."""
    inputs = evaluation_inputs(problem, read_description(model_folder), dataset.digest, settings)
    return is_whole(_folder(workspace, problem, inputs))


def adopt_evaluation(workspace: Workspace, problem: Problem, found: Path, *, digest: str) -> None:
    """Take an evaluation that was made elsewhere, unless there is one of the very same here.

    Args:
        workspace: who takes it.
        problem: whose evaluation it is.
        found: its folder, whole; it is copied.
        digest: `Evidence.digest` of it, by the ledger; another one is not taken.

    Raises:
        IntegrityError: when it is not what was written.
    """
    evidence = read_evidence(found)
    folder = workspace.evaluations(problem.name) / evidence.key[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if evidence.digest != digest or is_whole(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        with scratch_folder(workspace) as scratch:
            shutil.copytree(found, scratch / folder.name).rename(folder)


def rewrite_card(
    workspace: Workspace, problem: Problem, model_folder: Path, dataset: Dataset, settings: ProblemSettings
) -> Path | None:
    """Write the card of an evaluation anew, with what has been found since; None when the model is not evaluated."""
    description = read_description(model_folder)
    inputs = evaluation_inputs(problem, description, dataset.digest, settings)
    folder = _folder(workspace, problem, inputs)
    if not is_whole(folder):
        return None
    return _write_card(workspace, problem, description, read_evidence(folder).summary, dataset, settings, folder)


def _folder(workspace: Workspace, problem: Problem, inputs: Mapping[str, Any]) -> Path:
    return workspace.evaluations(problem.name) / value_digest(inputs)[:16]


def _write_card(
    workspace: Workspace,
    problem: Problem,
    description: Mapping[str, Any],
    summary: str,
    dataset: Dataset,
    settings: ProblemSettings,
    folder: Path,
) -> Path:
    honesty = find_honesty(workspace, problem, description, settings)
    return write_card(
        folder,
        description,
        dataset,
        use=problem.use,
        summary=summary,
        hardware=hardware(best_device()),
        confirmed_on=confirmed_on(workspace, problem, dataset, settings.simulate),
        honesty=honesty.folder if honesty else None,
    )


def read_evidence(folder: Path) -> Evidence:
    """Read an evaluation back, checking its digest.

    Raises:
        IntegrityError: when a file is missing or is not what was written.
    """
    kept = read_folder(folder, again="evaluate again")
    document, table = kept.document, pd.read_parquet(folder / _LOSSES)
    return Evidence(
        folder=folder,
        key=kept.key,
        digest=kept.digest,
        metrics=kept.metrics,
        headline=tuple(document.get("headline", ())),
        summary=document.get("summary", ""),
        losses=tuple(Loss(values=table[loss["name"]].to_numpy(), **loss) for loss in document.get("losses", ())),
        slices=table[_SLICE].to_numpy(),
        report=Report.of_json(document["report"]),
        tested_range=document["tested_range"],
    )
