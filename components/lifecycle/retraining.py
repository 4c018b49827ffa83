"""Is a retraining due, and why: today's inputs against those that production was made from.

reasons = due(workspace, problem, settings)      # ["simulator code: sersic_prior changed", …]
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.core import AssayError, ProblemSettings, Workspace
from components.data import dataset_key, is_made_by, simulator_inputs
from components.fields import Dataset, Problem, read_manifest
from components.ledger import PRODUCTION, open_ledger
from components.lifecycle.model_files import model_files
from components.training import search_inputs, training_inputs
from models.estimators import read_description


def due(workspace: Workspace, problem: Problem, settings: ProblemSettings) -> list[str]:
    """Why a retraining is due, one line a reason; empty when production was made from today's inputs.

    Compared are simulator, search and training (code, settings, library versions) and data, each by its hash, with
    those that the production model's own description names; the simulator only until the data has been drawn by it.
    """
    champion = open_ledger(workspace).holder(problem.name, PRODUCTION)
    if champion is None:
        return ["nothing is in production"]
    made_from = read_description(model_files(workspace, problem.name, champion))["inputs"]
    # What a search decides is an outcome, not an input: its code counts for the network that it chose.
    known = made_from["training"]["settings"]
    decided = {name: known[name] for name in settings.search.space if name in known}
    try:
        search = search_inputs(problem, settings)
        training = training_inputs(problem, replace(settings, train=replace(settings.train, **decided)))
    except AssayError as error:
        return [f"training: production cannot be made again: {error}"]
    for inputs in (training, made_from["training"]):
        inputs["settings"] = {name: value for name, value in inputs["settings"].items() if name not in decided}
    today = {"search": search, "training": training}
    drawn = _drawn_today(workspace, problem, settings)
    if drawn is None or drawn != made_from["data"]:  # other code that drew the same images is no reason
        today = {"simulator": simulator_inputs(problem, settings.simulate), **today}
    reasons = [
        reason for part, inputs in today.items() for reason in _differences(part, made_from.get(part, {}), inputs)
    ]
    if not reasons and drawn not in (None, made_from["data"]):
        reasons.append("data: another dataset than production was trained on")
    return reasons


def _drawn_today(workspace: Workspace, problem: Problem, settings: ProblemSettings) -> str | None:
    """The digest of the published dataset when today's simulator and settings drew it."""
    folder = workspace.dataset(problem.name)
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    dataset = Dataset(folder=folder, manifest=manifest)
    return dataset.digest if is_made_by(workspace, dataset, dataset_key(problem, settings.simulate)) else None


def _differences(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each thing of a part that is not what it was."""
    lines = []
    kinds = set(after)
    if not before.get("code", {}).keys() & after["code"].keys():
        lines.append(f"{part} code: production was made before code had labels")
        kinds -= {"code", "libraries"}
    for kind in sorted(kinds):
        old, new = before.get(kind, {}), after[kind]
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                change = "changed" if kind == "code" else f"{old.get(name)} → {new.get(name)}"
                lines.append(f"{part} {kind}: {name} {change}")
    return lines
