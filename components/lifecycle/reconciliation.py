"""Find and mend what does not agree: ledger, MLflow and packages.

    findings = reconcile(workspace, problem, settings)

The ledger is right. What can be made equal to it is; for the rest a finding says who has to do what. A command that
was killed at any point leaves nothing that this does not mend.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from components.core import AssayError, IntegrityError, ProblemSettings, Workspace
from components.fields import Problem
from components.ledger import (
    ARCHIVED,
    PRODUCTION,
    PROMOTABLE,
    Entry,
    current_entries,
    describe_override,
    is_head,
    last_good,
    whoami,
)
from components.lifecycle.version_packages import VersionPackages
from components.packages import discard_package, sign_package, verify_package
from components.registry import LINEAGE


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that did not agree."""

    what: str
    repaired: bool
    todo: str
    """Who should do what now; empty when nothing is left to do."""


def reconcile(workspace: Workspace, problem: Problem, settings: ProblemSettings) -> list[Finding]:
    """Mend one problem; the caller holds its lock.

    Raises:
        IntegrityError: when the ledger itself is damaged; nothing is changed then.
    """
    versions = VersionPackages(workspace, problem, settings)
    versions.check_ledger()  # nothing is changed on the word of a ledger that cannot be believed
    _check_mlflow(versions)
    findings = _brought_back(versions) + _unknown_versions(versions)
    if not versions.ledger.current(problem.name):
        return findings
    with workspace.lock(problem.name):  # a promotion that is going on is no drift
        stages = versions.ledger.current(problem.name)
        differences = versions.mirror()
    gone = {one.version for one in differences if one.kind == "version" and one.version is not None}
    for one in differences:
        if one.kind != "version":
            todo = "whoever changed it in MLflow by hand, if no command was killed: use assay promote instead"
            findings.append(Finding(what=str(one), repaired=True, todo=todo))
    findings += [_deleted(versions, stages[v]) for v in sorted(gone) if stages[v].to_stage != ARCHIVED]
    good = last_good(versions.ledger.history(problem.name), set(stages) - gone)
    for entry in stages.values():
        if (entry.to_stage in PROMOTABLE or entry.version == good) and entry.version not in gone:
            findings += _package(versions, entry) + _model(versions, entry)
        if entry.override and entry.to_stage in PROMOTABLE:
            findings += _override(versions, entry)
    versions.tell_changes()
    return findings


def _check_mlflow(versions: VersionPackages) -> None:
    """Refuse to follow an MLflow that is another or an older one: it must not empty the stages.

    A version that somebody deleted was seen by MLflow before; one that MLflow has never heard of cannot be deleted.
    """
    name = versions.problem.name
    history, known = versions.ledger.history(name), versions.registry.tags(name)
    head = versions.registry.ledger_head(name)
    seen = int(head.partition(" ")[0]) if head and is_head(head) else None
    first = {entry.version: entry.sequence for entry in reversed(history)}
    staged = [version for version, entry in current_entries(history).items() if entry.to_stage != ARCHIVED]
    lost = [version for version in staged if version not in known]
    if lost and (not known if seen is None else max(first[version] for version in lost) > seen):
        raise IntegrityError(
            f"MLflow knows nothing of {name} version {lost[0]}, in {versions.ledger.stage_of(name, lost[0])}: its "
            "database was lost or an older one put back: restore it from its newest backup, or mend MLFLOW_TRACKING_URI"
        )


def _brought_back(versions: VersionPackages) -> list[Finding]:
    """What was deleted on MLflow's pages and is needed: lineage, metrics and evaluation are read from there."""
    todo = "whoever deleted it in MLflow: assay archive and assay gc are the way"
    back = versions.registry.bring_back(versions.problem.name)
    return [Finding(what=f"{what} was deleted in MLflow", repaired=True, todo=todo) for what in back]


def _unknown_versions(versions: VersionPackages) -> list[Finding]:
    """Versions that MLflow has and the ledger does not: a registration was killed, or somebody else's model."""
    name = versions.problem.name
    known, findings = versions.ledger.stages(name), []
    for version, tags in versions.registry.tags(name).items():
        if version in known:
            continue
        what = f"version {version} is in MLflow and not in the ledger"
        if not set(tags) >= LINEAGE:
            todo = f"whoever registered it: it is not Assay's; delete it in MLflow, or leave it out of {name}"
            findings.append(Finding(what=what, repaired=False, todo=todo))
            continue
        reason = "registered by a command that was killed, found by reconcile"
        versions.add_candidate(version, actor=whoami(), reason=reason)
        findings.append(Finding(what=what, repaired=True, todo=""))
    return findings


def _deleted(versions: VersionPackages, entry: Entry) -> Finding:
    """A version that MLflow lost and the ledger has in a stage."""
    name, what = versions.problem.name, f"version {entry.version}, in {entry.to_stage}, was deleted from MLflow"
    if entry.to_stage == PRODUCTION:
        todo = f"operator: its package goes on answering; assay rollback {name}, or promote another"
        return Finding(what=what, repaired=False, todo=todo)
    versions.ledger.move(
        name,
        entry.version,
        ARCHIVED,
        action="archive",
        actor=whoami(),
        reason="deleted from MLflow, found by reconcile",
        evidence={},
        weights_sha256=entry.weights_sha256,
        expect=versions.ledger.holder(name, ARCHIVED),
        package_tag=entry.package_tag,
        package_digest=entry.package_digest,
        override=entry.override,
    )
    versions.mirror(only=set())
    return Finding(
        what=what, repaired=True, todo=f"whoever deleted it: assay archive {name} {entry.version} is the way"
    )


def _package(versions: VersionPackages, entry: Entry) -> list[Finding]:
    """See that a staged version has the package that the ledger names, signed where there is a key by now."""
    name, tag = versions.problem.name, entry.package_tag
    if tag is None:
        return []
    try:
        package = verify_package(versions.workspace, tag, digest=entry.package_digest)
    except AssayError as error:
        problem = error.what
    else:
        sign_package(package)
        return []
    what = f"{problem} (version {entry.version}, in {entry.to_stage})"
    discard_package(versions.workspace, tag)
    try:
        versions.package(entry.version)
    except AssayError as error:
        discard_package(versions.workspace, tag)
        way = f"assay rollback {name}" if entry.to_stage == PRODUCTION else f"assay archive {name} {entry.version}"
        return [Finding(what=what, repaired=False, todo=f"operator: {error}; or {way}")]
    return [Finding(what=what, repaired=True, todo="")]


def _model(versions: VersionPackages, entry: Entry) -> list[Finding]:
    """See that MLflow has the files of a staged version; its package answers without them."""
    try:
        versions.registry.model_folder(versions.problem.name, entry.version)
        return []
    except IntegrityError as error:
        what = f"{error.what} (version {entry.version}, in {entry.to_stage})"
        todo = "operator: restore MLflow's files from a backup; its package goes on answering"
        return [Finding(what=what, repaired=False, todo=todo)]


def _override(versions: VersionPackages, entry: Entry) -> list[Finding]:
    now = max(datetime.now(UTC), versions.ledger.now(versions.problem.name))
    said = describe_override(entry.override or {}, now)
    if "(EXPIRED)" not in said:
        return []
    return [
        Finding(
            what=f"version {entry.version} is in {entry.to_stage} by an override {said}",
            repaired=False,
            todo=f"{(entry.override or {})['by']}: promote a version that passes, or renew the override",
        )
    ]
