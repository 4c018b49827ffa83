"""Is a retraining due, and why: today's inputs against those that production was made from.

found = due(workspace, problem, settings)
found.reasons                                # ("simulator code: sersic_prior changed", …); empty when none is due
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.core import AssayError, ProblemSettings, Workspace
from components.data import dataset_key, is_made_by, simulator_inputs
from components.fields import Dataset, Problem, read_manifest
from components.ledger import COLLECTED, PRODUCTION, Ledger, current_entries, entry_in_stage, open_ledger, withdrawn
from components.lifecycle.model_folders import model_files
from components.lifecycle.refusals import judged_by, refused_before
from components.lifecycle.remembered import Due
from components.lifecycle.witness import unwitnessed
from components.registry import Registry
from components.training import search_inputs, training_inputs
from models.descriptions import read_description


def due(workspace: Workspace, problem: Problem, settings: ProblemSettings) -> Due:
    """Why a retraining is due; not when production was made from today's inputs, or what they make was refused.

    Compared are simulator, search and training (code, settings, library versions) and data, each by its hash, with
    those that the production model's own description names; the simulator only until the data has been drawn by it.

    Raises:
        IntegrityError: when the ledger is an older one than MLflow has seen.
        AssayError: when MLflow cannot be asked.
    """
    ledger = open_ledger(workspace)
    why = unwitnessed(ledger, Registry(workspace), problem.name)
    if why is not None:
        raise why
    drawn = not problem.material(settings.simulate)
    production = ledger.entry_in(problem.name, PRODUCTION)
    reasons = ["nothing is in production"]
    if production is not None:
        made_from = _description(workspace, problem, production.version)["inputs"]
        reasons = _changed_since(workspace, problem, settings, made_from)
    if production is not None and not reasons:
        compared = "simulator, search and training (code, settings, versions of libraries) and data"
        why_not = f"{compared} are those that version {production.version} in production was made from"
        return Due(reasons=(), why_not=why_not, lasting=drawn)
    against = _stands_against(workspace, problem, settings, ledger)
    return Due(reasons=tuple(reasons) if against is None else (), why_not=against or "", lasting=drawn)


def _stands_against(workspace: Workspace, problem: Problem, settings: ProblemSettings, ledger: Ledger) -> str | None:
    """What was said of a version that today's inputs make again: a refusal by today's rules, or somebody's word."""
    history, before = ledger.history(problem.name), refused_before(ledger, problem.name)
    against, refused = withdrawn(history), {weights for weights, _ in before}
    production = entry_in_stage(current_entries(history), PRODUCTION)
    there = Registry(workspace).tags(problem.name)
    for version, entry in sorted(current_entries(history).items(), reverse=True):
        weights = entry.weights_sha256
        if version not in there or entry.action == COLLECTED or weights not in against | refused:
            continue
        description = _description(workspace, problem, version)
        if _changed_since(workspace, problem, settings, description["inputs"]):
            continue
        if weights in against:
            return f"version {version}, made of the same, was archived or rolled back from"
        judged = judged_by(problem, settings, description, description["inputs"]["data"], production)
        if (weights, judged) in before:
            return f"version {version}, made of the same, was refused: {before[weights, judged].reason}"
    return None


def _description(workspace: Workspace, problem: Problem, version: int) -> Mapping[str, Any]:
    return read_description(model_files(workspace, problem.name, version))


def changed_training(problem: Problem, settings: ProblemSettings, made_from: Mapping[str, Any]) -> list[str]:
    """What search and training would do otherwise than they did for a model, a line each.

    Args:
        problem: what it is for.
        settings: today's.
        made_from: `inputs` of its description.
    """
    # What a search decides is an outcome, not an input: its code counts for the network that it chose.
    known = made_from["training"]["settings"]
    decided = {name: known[name] for name in settings.search.space if name in known}
    try:
        search = search_inputs(problem, settings)
        training = training_inputs(problem, replace(settings, train=replace(settings.train, **decided)))
    except AssayError as error:
        return [f"training: it cannot be made again: {error}"]
    before, after = (_without(inputs, set(decided)) for inputs in (made_from["training"], training))
    return [*_differences("search", made_from.get("search", {}), search), *_differences("training", before, after)]


def _changed_since(
    workspace: Workspace, problem: Problem, settings: ProblemSettings, made_from: Mapping[str, Any]
) -> list[str]:
    """What today's inputs have otherwise than those that a model was made from, a line each."""
    reasons, drawn = changed_training(problem, settings, made_from), _drawn_today(workspace, problem, settings)
    if drawn is None or drawn != made_from["data"]:  # other code that drew the same images is no reason
        simulator = simulator_inputs(problem, settings.simulate)
        reasons = [*_differences("simulator", made_from.get("simulator", {}), simulator), *reasons]
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


def _without(inputs: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Inputs without some of their settings."""
    return {**inputs, "settings": {name: value for name, value in inputs["settings"].items() if name not in names}}


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
