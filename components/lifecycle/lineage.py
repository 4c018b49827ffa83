"""From a version back to everything that it came from, and how to make it again.

document = trace(workspace, "galaxy-shape", 3)
rebuild = checkout(workspace, "galaxy-shape", 3, into=folder)
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from components.core import AssayError, Workspace
from components.ledger import open_ledger, registered_tags
from components.lifecycle.model_folders import model_files
from components.packages import given_by
from components.registry import Registry, headline_metrics
from models.descriptions import read_description

PARAMETERS = "parameters.json"


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """What was restored, and what to type to train the version again."""

    data_md5: str
    commit: str
    dirty: bool
    """Whether the tree had changes that no commit holds: then a rebuild may differ."""
    commands: tuple[str, ...]


def trace(workspace: Workspace, problem: str, version: int, *, prediction: str | None = None) -> dict[str, Any]:
    """Where a version comes from and what happened to it, as JSON-able values.

    Args:
        workspace: whose ledger and MLflow.
        problem: the problem's name.
        version: of it.
        prediction: the id of one of its answers.

    Raises:
        AssayError: when neither MLflow nor the ledger knows the version, or no package of it gave the id.
    """
    registry = Registry(workspace)
    history = open_ledger(workspace).history(problem)
    entries = [entry for entry in history if entry.version == version]
    digests = {entry.package_digest for entry in entries if entry.package_digest}
    if prediction is not None and not any(given_by(prediction, digest) for digest in digests):
        raise AssayError(
            f"{prediction} was given by no package of {problem} version {version}: copy the id whole, or look at the "
            f"version with `assay trace {problem} {version}`"
        )
    if entries and version not in registry.tags(problem):  # cleaned up, or deleted by hand: the ledger still knows
        return {"problem": problem, "version": version, "registered": False, "stages": [asdict(e) for e in entries]}
    info = registry.version(problem, version)
    description = read_description(model_files(workspace, problem, version))
    tags = {**info.tags, **registered_tags(history).get(version, {})}  # whatever somebody made of MLflow's since
    training = description["inputs"]["training"]["settings"]
    packaged = [entry for entry in entries if entry.package_tag]
    return {
        "problem": problem,
        "version": version,
        "registered": True,
        "run": info.run_id,
        "network": {key: value for key, value in description["estimator"].items() if isinstance(value, str | int)},
        "training": training,
        "simulation": description["inputs"]["simulator"]["settings"],
        "seed": training["seed"],
        "weights_sha256": tags["weights.sha256"],
        "device": description.get("device"),
        "data": {"md5": tags["data.md5"], "digest": tags.get("data.digest")},
        "simulator_fingerprint": tags["simulator.fingerprint"],
        "git": {"commit": tags["git.commit"], "dirty": tags["git.dirty"] == "true"},
        "evaluation": {"digest": tags["evidence.digest"], "headline": headline_metrics(tags)},
        "package": {"tag": packaged[-1].package_tag, "digest": packaged[-1].package_digest} if packaged else None,
        "inputs": description["inputs"],
        "tags": tags,
        "stages": [asdict(entry) for entry in entries],
    }


def checkout(workspace: Workspace, problem: str, version: int, *, into: Path) -> Rebuild:
    """Restore the data that a version was trained on, and write down the parameters that it was trained with.

    Args:
        workspace: whose `data/`.
        problem: the problem's name.
        version: the registered version.
        into: folder for the parameters.

    Raises:
        AssayError: when neither DVC's cache nor its remote has the data, or its folder holds what no version keeps.
    """
    from components.data import checkout_data, inputs_key

    document = trace(workspace, problem, version)
    if not document["registered"]:
        raise AssayError(
            f"{problem} version {version} is not in MLflow any more, with its data's digest and its parameters: "
            f"`assay trace {problem} {version}` shows what the ledger knows"
        )
    data, key, git = document["data"], inputs_key(problem, document["inputs"]["simulator"]), document["git"]
    if data["digest"] is None:
        raise AssayError(
            f"{problem} version {version} is from when all problems' data was one: type `git checkout {git['commit']}` "
            "and `dvc checkout` to have it"
        )
    checkout_data(workspace, problem, data["md5"], dataset=data["digest"], key=key)
    into.mkdir(parents=True, exist_ok=True)
    parameters = into / PARAMETERS
    sections = {"simulate": document["simulation"], "train": document["training"]}
    parameters.write_text(json.dumps(sections, indent=1) + "\n", encoding="utf-8")
    return Rebuild(
        data_md5=data["md5"],
        commit=git["commit"],
        dirty=git["dirty"],
        commands=(
            f"git checkout {git['commit']} -- . ':!data.dvc'",
            "make setup",
            f"export ASSAY_HOME={quote(str(into / 'assay'))}",
            f"assay train {problem} --parameters {quote(str(parameters))} --out {quote(str(into / 'model'))}",
            f"assay evaluate {problem} {quote(str(into / 'model'))} --parameters {quote(str(parameters))}",
        ),
    )
