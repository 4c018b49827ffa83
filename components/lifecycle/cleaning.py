"""Delete what nothing protects: versions long out of use, their packages, runs, networks and evaluations.

    plan = plan_cleaning(workspace, problem, settings, keep=3)
    clean(workspace, problem, settings, plan)

Protected are the version in each stage, the one that a rollback would bring back, the best that was ever in production,
which challengers are compared with, and the newest `keep`. Everything else of the problem goes, but the ledger: history
is kept for ever. MLflow's own `gc` is never called, which would delete what an alias points at. Killed half-way, the
next call goes on.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.core import ProblemSettings, RefusedError, Workspace
from components.fields import Problem
from components.ledger import ARCHIVED, COLLECTED, Entry, current_entries, last_good, whoami
from components.lifecycle.anchor import best_ever
from components.lifecycle.stages import Stages
from components.packages import DISCARDED, listed_as, package_folder
from components.registry import ALIASES


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a cleaning would do."""

    protected: Mapping[int, str]
    """Version to why it stays."""
    versions: Mapping[int, str]
    """To be deleted from MLflow, with their runs and files; to the digest of the entry that the plan rests on."""
    folders: tuple[Path, ...]
    """To be deleted: packages, networks, evaluations, downloads."""

    @property
    def megabytes(self) -> float:
        """Size of the folders."""
        files = (file for folder in self.folders for file in folder.rglob("*"))
        return sum(file.lstat().st_size for file in files if file.is_file()) / 1e6


def plan_cleaning(workspace: Workspace, problem: Problem, settings: ProblemSettings, *, keep: int) -> Plan:
    """What may go; nothing is changed.

    Args:
        workspace: whose state.
        problem: whose models.
        settings: of the problem.
        keep: how many of the newest versions stay whatever their stage.

    Raises:
        IntegrityError: when the ledger is damaged: nothing is deleted on the word of a ledger that cannot be believed.
        RefusedError: when MLflow and ledger differ about a stage.
    """
    stages = Stages(workspace, problem, settings)
    stages.check_ledger()
    history = stages.ledger.history(problem.name)
    current = current_entries(history)
    registered = stages.registry.tags(problem.name)
    unknown = sorted(set(registered) - set(current))
    lost = [version for version, entry in current.items() if entry.to_stage != ARCHIVED and version not in registered]
    aliased = stages.registry.aliases(problem.name)
    protected = _protected(history, sorted(registered), keep)
    for name, version in aliased.items():
        if name not in ALIASES:
            protected.setdefault(version, f"has the alias {name}")
    stray = {name: version for name, version in aliased.items() if version not in protected}
    if unknown or lost or stray:
        what = f"version {(unknown + lost)[0]}" if unknown or lost else f"alias {next(iter(stray))}"
        raise RefusedError(f"{what} of {problem.name} is not what the ledger says: type `assay reconcile`, then repeat")
    weights = {current[version].weights_sha256 for version in protected}
    gone = {entry.weights_sha256 for entry in history} - weights
    packages = {
        (current[version].package_tag, current[version].package_digest)
        for version in protected
        if current[version].package_digest is not None
    }
    return Plan(
        protected=protected,
        versions={version: current[version].digest for version in sorted(registered) if version not in protected},
        folders=tuple(sorted(_unprotected_folders(workspace, problem.name, set(protected), gone, packages))),
    )


def clean(workspace: Workspace, problem: Problem, settings: ProblemSettings, plan: Plan) -> None:
    """Carry a plan out.

    The ledger is told first of each version: one that somebody moved since the plan was made, here or on another
    machine, is not deleted, and one that is deleted goes nowhere any more.

    Raises:
        RefusedError: when a version was moved meanwhile; what was deleted before stays so.
    """
    stages = Stages(workspace, problem, settings)
    for version, since in plan.versions.items():
        _say_collected(stages, version, since)
        stages.registry.delete(problem.name, version)
    for folder in plan.folders:
        shutil.rmtree(folder, ignore_errors=True)


def _say_collected(stages: Stages, version: int, since: str) -> None:
    """Write into the ledger that a version's files are deleted now, so that nothing brings it back."""
    entry = stages.ledger.current(stages.problem.name)[version]
    if entry.action == COLLECTED:  # a killed cleaning goes on
        return
    stages.enter(
        version,
        ARCHIVED,
        action=COLLECTED,
        actor=whoami(),
        reason="nothing protected it",
        expect=None,
        since=since,
        evidence={},
        override=entry.override,
    )


def _protected(history: list[Entry], registered: list[int], keep: int) -> dict[int, str]:
    protected: dict[int, str] = {}
    current = current_entries(history)
    # Newest first: the holder of a stage comes before who was there earlier.
    for version, entry in current.items():
        if entry.to_stage != ARCHIVED and entry.to_stage not in protected.values():
            protected[version] = entry.to_stage
    good = last_good(history)
    if good is not None:
        protected.setdefault(good, "rollback")
    best = best_ever(history, registered)
    if best is not None:
        protected.setdefault(best, "best in production so far")
    there = [version for version in registered if version not in current or current[version].action != COLLECTED]
    for version in there[-keep:] if keep else []:
        protected.setdefault(version, f"one of the newest {keep}")
    return protected


def _unprotected_folders(
    workspace: Workspace,
    problem: str,
    versions: set[int],
    gone: set[str],
    packages: set[tuple[str | None, str | None]],
) -> list[Path]:
    """Folders of the problem that belong to no protected version; what was never registered stays.

    A package that a stage needs stays under whatever name it lies, also where it was put aside.
    """
    from components.evidence import evaluated_weights
    from models.descriptions import DamagedModelError, read_description

    found = []
    store = package_folder(workspace, f"{problem}:any").parent
    tags, digests = {tag for tag, _ in packages}, {digest for _, digest in packages}
    found += [
        path for path in _folders(store) if f"{problem}:{path.name}" not in tags and listed_as(path) not in digests
    ]
    for path in _folders(workspace.models(problem)):
        try:
            if read_description(path)["weights_sha256"] in gone:
                found.append(path)
        except DamagedModelError:  # perhaps a training that goes on
            continue
    evidence = [*_folders(workspace.evaluations(problem)), *_folders(workspace.honesty(problem))]
    found += [path for path in evidence if evaluated_weights(path) in gone]
    downloads = workspace.home / "downloads" / problem
    found += [path for path in _folders(downloads) if not (path.name.isdecimal() and int(path.name) in versions)]
    aside = [path for path in _folders(workspace.home / DISCARDED) if path.name.startswith(f"{problem}-v")]
    found += [path for path in aside if listed_as(path) not in digests]
    return found


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()] if parent.is_dir() else []
