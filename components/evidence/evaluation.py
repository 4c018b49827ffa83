"""Evaluate a model on a dataset and keep the evidence: metrics with intervals, losses, predictions and pictures.

    evidence = evaluate(workspace, problem, model_folder, dataset, settings)

The evidence is kept under a digest of its inputs (weights, data, settings, code), which is also what gates check
that it is not stale.
"""

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from tqdm.auto import tqdm

from components.core import (
    IntegrityError,
    ProblemSettings,
    Workspace,
    code_of,
    file_sha256,
    read_sealed,
    sealed,
    settings_values,
    value_digest,
)
from components.evidence.asking import asking
from components.evidence.card import write_card
from components.evidence.confirmation_reads import confirmed_on
from components.evidence.refusals import CannotBeEvaluatedError, require_unchanged, require_unseen
from components.fields import Dataset, Evaluation, Loss, Metric, Problem, Report, best_device
from models.estimators import answering_modules, load_model, read_description

__label__ = None

METRICS = "metrics.json"
TRUSTED_REGION = "trusted_region.json"
_LOSSES = "losses.parquet"
_SLICE = "slice"
"""Its column that names each image's slice."""
_EVIDENCE = "evidence.json"
"""Written last: a folder that has it is complete."""


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
    trusted_region: Mapping[str, Any]
    """Where the model can be trusted."""


def evaluation_inputs(
    problem: Problem, description: Mapping[str, Any], dataset: Dataset, settings: ProblemSettings
) -> dict[str, Any]:
    """What decides an evaluation; evidence of other inputs is stale.

    Args:
        problem: what was evaluated.
        description: the model's, as `models.estimators.saved` keeps it.
        dataset: the images.
        settings: the problem's.

    Raises:
        CannotBeEvaluatedError: when its kind or its network is no more.
    """
    sources = problem.sources(settings.simulate)
    try:
        answering = answering_modules(description["estimator"])
    except ValueError as error:
        raise CannotBeEvaluatedError(f"{problem.name}: the model cannot be evaluated any more: {error}") from error
    return {
        **code_of(asking, *answering, *sources.evaluation, unused=sources.unused).as_inputs(),
        "problem": problem.name,
        "weights": description["weights_sha256"],
        "data": dataset.digest,
        "settings": settings_values(settings.evaluate),
        "simulation": settings_values(settings.simulate),
    }


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
    inputs = evaluation_inputs(problem, read_description(model_folder), dataset, settings)
    key = value_digest(inputs)
    folder = workspace.evaluations(problem.name) / key[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / _EVIDENCE).exists():
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
    _write(folder, result)
    write_card(folder, description, result, dataset, confirmed_on=confirmed_on(workspace, problem, dataset))
    _seal(folder, inputs, result)


def read_evidence(folder: Path) -> Evidence:
    """Read an evaluation back, checking its digest.

    Raises:
        IntegrityError: when a file is missing or is not what was written.
    """
    hint = f"delete {folder} and evaluate again"
    try:
        evidence = read_sealed(folder / _EVIDENCE)
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{folder / _EVIDENCE} is missing or not what was written", hint) from error
    for name, digest in evidence["files"].items():
        if not (folder / name).is_file() or file_sha256(folder / name) != digest:
            raise IntegrityError(f"{folder / name} is missing or not what was written", hint)
    document = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    metrics = {**document["metrics"], **evidence.get("timings", {})}
    report, table = document["report"], pd.read_parquet(folder / _LOSSES)
    return Evidence(
        folder=folder,
        key=evidence["key"],
        digest=evidence["digest"],
        metrics={name: _metric(document) for name, document in metrics.items()},
        headline=tuple(document.get("headline", ())),
        summary=document.get("summary", ""),
        losses=tuple(Loss(values=table[loss["name"]].to_numpy(), **loss) for loss in document.get("losses", ())),
        slices=table[_SLICE].to_numpy(),
        report=Report(
            title=report["title"], columns=tuple(report["columns"]), rows=tuple(tuple(row) for row in report["rows"])
        ),
        trusted_region=document["trusted_region"],
    )


def evaluated_weights(folder: Path) -> str | None:
    """SHA-256 of the weights that an evaluation is of; None when the folder holds no whole one."""
    try:
        return str(json.loads((folder / _EVIDENCE).read_text(encoding="utf-8"))["inputs"]["weights"])
    except (OSError, ValueError, LookupError):
        return None


def _write(folder: Path, result: Evaluation) -> None:
    """Pictures and tables."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "plots").mkdir(parents=True)
    for name, figure in result.plots.items():
        figure.savefig(folder / "plots" / f"{name}.png", dpi=100)
    for name, table in result.tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / TRUSTED_REGION).write_text(json.dumps(result.trusted_region, indent=1) + "\n", encoding="utf-8")


def _seal(folder: Path, inputs: Mapping[str, Any], result: Evaluation) -> None:
    """What gates read, and last the digest of it."""
    columns = {loss.name: loss.values for loss in result.losses}
    pd.DataFrame({**columns, _SLICE: result.slices}).to_parquet(folder / _LOSSES, index=False)
    metrics, timings = (
        {name: _document(metric) for name, metric in of.items()} for of in (result.metrics, result.timings)
    )
    document = {
        "metrics": metrics,
        "headline": result.headline,
        "summary": result.summary,
        "losses": [{"name": loss.name, "scale": loss.scale, "floor": loss.floor} for loss in result.losses],
        "report": asdict(result.report),
        "trusted_region": result.trusted_region,
    }
    (folder / METRICS).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    files = {name: file_sha256(folder / name) for name in (METRICS, _LOSSES)}
    found = {"digest": value_digest(files), "files": files, "timings": timings}
    evidence = {"key": value_digest(inputs), "inputs": inputs, **found}
    partial = folder / f".{_EVIDENCE}"
    partial.write_text(json.dumps(sealed(evidence), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / _EVIDENCE)


def _document(metric: Metric) -> dict[str, float | str]:
    """JSON has no NaN; a metric that is one must stay one, so that gates see it."""
    numbers = {"value": metric.value, "low": metric.low, "high": metric.high}
    said: dict[str, float | str] = {name: of if math.isfinite(of) else repr(of) for name, of in numbers.items()}
    return {**said, "missing": metric.missing} if metric.missing else said


def _metric(document: Mapping[str, Any]) -> Metric:
    numbers = {name: float(document[name]) for name in ("value", "low", "high")}
    return Metric(**numbers, missing=document.get("missing", ""))
