"""The latest model of each problem for DVC: `dvc metrics show`, `dvc metrics diff` and `dvc plots show` in the clone.

    write_results(workspace, problem, model_folder, evidence)    # results/metrics/NAME.json, results/epochs/NAME.csv

dvc.yaml names the two folders. They hold the headline metrics and the epochs of what was evaluated last; committed with
data.dvc, they let `dvc metrics diff` compare commits. They are no source: a model made beside a changed one is clean.
"""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from components.core import RESULTS, Workspace, write_whole
from components.fields import Problem
from models.descriptions import read_description

if TYPE_CHECKING:
    from components.evidence.evaluation import Evidence

__label__ = None


def write_results(workspace: Workspace, problem: Problem, model_folder: Path, evidence: "Evidence") -> None:
    """Write both files, each whole or not at all; what they say already is left alone."""
    metrics = {name: float(evidence.metrics[name].value) for name in evidence.headline}
    _write(workspace.root / RESULTS / "metrics" / f"{problem.name}.json", json.dumps(metrics, indent=1) + "\n")
    history = read_description(model_folder)["history"]
    text = io.StringIO()
    writer = csv.DictWriter(text, ["number", "training_loss", "validation_loss"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(history)
    _write(workspace.root / RESULTS / "epochs" / f"{problem.name}.csv", text.getvalue())


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text)
