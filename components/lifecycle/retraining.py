"""Is a retraining due, and why: today's inputs against those that production was made from.

found = due(workspace, problem, settings)
found.reasons                                # ("simulator code: sersic_prior changed", …); empty when none is due
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.core import AssayError, ProblemSettings, Workspace
from components.data import dataset_key, is_made_by, simulator_inputs
from components.fields import Dataset, Problem, read_manifest
from components.ledger import COLLECTED, PRODUCTION, Ledger, Refusal, open_ledger, registered_tags
from components.lifecycle.model_folders import model_files
from components.lifecycle.refusals import refused_before, rules_digest
from components.lifecycle.witness import unwitnessed
from components.registry import Registry
from components.training import search_inputs, training_inputs
from models.estimators import read_description


@dataclass(frozen=True, kw_only=True)
class Due:
    """Whether to train again."""

    reasons: tuple[str, ...]
    """One line each; none when nothing has changed, or when what today's inputs make was refused already."""
    refused: Refusal | None = None
    """The verdict on what today's inputs make, by today's rules."""

    @property
    def why_not(self) -> str:
        """Why none is due, where none is."""
        if self.refused is None:
            return "nothing has changed"
        return f"version {self.refused.version}, made of the same, was refused: {self.refused.reason}"


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
    production = ledger.entry_in(problem.name, PRODUCTION)

    def changed_since(version: int) -> list[str]:
        made_from = read_description(model_files(workspace, problem.name, version))["inputs"]
        return _changed_since(workspace, problem, settings, made_from)

    reasons = changed_since(production.version) if production else ["nothing is in production"]
    before = refused_before(ledger, problem.name, rules_digest(settings, production)) if reasons else {}
    for version, weights in _newest_first(ledger, problem.name) if before else ():
        if weights in before and not changed_since(version):
            return Due(reasons=(), refused=before[weights])
    return Due(reasons=tuple(reasons))


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


def _newest_first(ledger: Ledger, problem: str) -> list[tuple[int, str]]:
    """Versions with their weights, but for those whose files are gone."""
    registered = registered_tags(ledger.history(problem))
    return [
        (version, entry.weights_sha256)
        for version, entry in sorted(ledger.current(problem).items(), reverse=True)
        if version in registered and entry.action != COLLECTED
    ]


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
