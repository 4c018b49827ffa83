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
from components.lifecycle.promotion import Promotion
from components.packages import discard_package, verify_package
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
    promotion = Promotion(workspace, problem, settings)
    promotion.check_ledger()  # nothing is changed on the word of a ledger that cannot be believed
    _check_mlflow(promotion)
    findings = _unknown_versions(promotion)
    if not promotion.ledger.current(problem.name):
        return findings
    with workspace.lock(problem.name):  # a promotion that is going on is no drift
        stages = promotion.ledger.current(problem.name)
        differences = promotion.mirror()
    gone = {one.version for one in differences if one.kind == "version" and one.version is not None}
    for one in differences:
        if one.kind != "version":
            todo = "whoever changed it in MLflow by hand, if no command was killed: use assay promote instead"
            findings.append(Finding(what=str(one), repaired=True, todo=todo))
    findings += [_deleted(promotion, stages[v]) for v in sorted(gone) if stages[v].to_stage != ARCHIVED]
    good = last_good(promotion.ledger.history(problem.name), set(stages) - gone)
    for entry in stages.values():
        if (entry.to_stage in PROMOTABLE or entry.version == good) and entry.version not in gone:
            findings += _package(promotion, entry) + _model(promotion, entry)
        if entry.override and entry.to_stage in PROMOTABLE:
            findings += _override(promotion, entry)
    promotion.tell_changes()
    return findings


def _check_mlflow(promotion: Promotion) -> None:
    """Refuse to follow an MLflow that is another or an older one: it must not empty the stages.

    A version that somebody deleted was seen by MLflow before; one that MLflow has never heard of cannot be deleted.
    """
    name = promotion.problem.name
    history, known = promotion.ledger.history(name), promotion.registry.tags(name)
    head = promotion.registry.ledger_head(name)
    seen = int(head.partition(" ")[0]) if head and is_head(head) else None
    first = {entry.version: entry.sequence for entry in reversed(history)}
    staged = [version for version, entry in current_entries(history).items() if entry.to_stage != ARCHIVED]
    lost = [version for version in staged if version not in known]
    if lost and (not known if seen is None else max(first[version] for version in lost) > seen):
        raise IntegrityError(
            f"MLflow knows nothing of {name} version {lost[0]}, in {promotion.ledger.stage_of(name, lost[0])}: its "
            "database was lost or an older one put back: restore it from its newest backup, or mend MLFLOW_TRACKING_URI"
        )


def _unknown_versions(promotion: Promotion) -> list[Finding]:
    """Versions that MLflow has and the ledger does not: a registration was killed, or somebody else's model."""
    name = promotion.problem.name
    known, findings = promotion.ledger.stages(name), []
    for version, tags in promotion.registry.tags(name).items():
        if version in known:
            continue
        what = f"version {version} is in MLflow and not in the ledger"
        if not set(tags) >= LINEAGE:
            todo = f"whoever registered it: it is not Assay's; delete it in MLflow, or leave it out of {name}"
            findings.append(Finding(what=what, repaired=False, todo=todo))
            continue
        reason = "registered by a command that was killed, found by reconcile"
        promotion.add_candidate(version, actor=whoami(), reason=reason)
        findings.append(Finding(what=what, repaired=True, todo=""))
    return findings


def _deleted(promotion: Promotion, entry: Entry) -> Finding:
    """A version that MLflow lost and the ledger has in a stage."""
    name, what = promotion.problem.name, f"version {entry.version}, in {entry.to_stage}, was deleted from MLflow"
    if entry.to_stage == PRODUCTION:
        todo = f"operator: its package goes on answering; assay rollback {name}, or promote another"
        return Finding(what=what, repaired=False, todo=todo)
    promotion.ledger.move(
        name,
        entry.version,
        ARCHIVED,
        action="archive",
        actor=whoami(),
        reason="deleted from MLflow, found by reconcile",
        evidence={},
        weights_sha256=entry.weights_sha256,
        expect=promotion.ledger.holder(name, ARCHIVED),
        package_tag=entry.package_tag,
        package_digest=entry.package_digest,
        override=entry.override,
    )
    promotion.mirror(only=set())
    return Finding(
        what=what, repaired=True, todo=f"whoever deleted it: assay archive {name} {entry.version} is the way"
    )


def _package(promotion: Promotion, entry: Entry) -> list[Finding]:
    """See that a staged version has the package that the ledger names."""
    name, tag = promotion.problem.name, entry.package_tag
    if tag is None:
        return []
    try:
        verify_package(promotion.workspace, tag, digest=entry.package_digest)
        return []
    except AssayError as error:
        problem = error.what
    what = f"{problem} (version {entry.version}, in {entry.to_stage})"
    discard_package(promotion.workspace, tag)
    try:
        promotion.package(entry.version)
    except AssayError as error:
        discard_package(promotion.workspace, tag)
        way = f"assay rollback {name}" if entry.to_stage == PRODUCTION else f"assay archive {name} {entry.version}"
        return [Finding(what=what, repaired=False, todo=f"operator: {error}; or {way}")]
    return [Finding(what=what, repaired=True, todo="")]


def _model(promotion: Promotion, entry: Entry) -> list[Finding]:
    """See that MLflow has the files of a staged version; its package answers without them."""
    try:
        promotion.registry.model_folder(promotion.problem.name, entry.version)
        return []
    except IntegrityError as error:
        what = f"{error.what} (version {entry.version}, in {entry.to_stage})"
        todo = "operator: restore MLflow's files from a backup; its package goes on answering"
        return [Finding(what=what, repaired=False, todo=todo)]


def _override(promotion: Promotion, entry: Entry) -> list[Finding]:
    now = max(datetime.now(UTC), promotion.ledger.now(promotion.problem.name))
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
