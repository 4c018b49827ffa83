"""Find and mend what does not agree: ledger, MLflow and packages.

    findings = reconcile(workspace, problem, settings)

The ledger is right. What can be made equal to it is; for the rest a finding says who has to do what. A command that
was killed at any point leaves nothing that this does not mend.
"""

from contextlib import suppress
from dataclasses import dataclass

from components.core import AssayError, IntegrityError, ProblemSettings, Workspace
from components.fields import Problem
from components.ledger import (
    ARCHIVE,
    ARCHIVED,
    COLLECTED,
    PRODUCTION,
    PROMOTABLE,
    REPACKAGED,
    Entry,
    current_entries,
    describe_override,
    is_head,
    last_good,
    whoami,
)
from components.lifecycle.cards import show_cards
from components.lifecycle.package_files import bring_signature, keep_package, recovered_package
from components.lifecycle.version_packages import ANSWERS, VersionPackages
from components.packages import Package, sign_package, take_strays_away, verify_package, what_answers_in
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
    there = [version for version, entry in stages.items() if version not in gone and entry.action != COLLECTED]
    for version in there:
        findings += _card(versions, version)
    findings += [_deleted(versions, stages[v]) for v in sorted(gone) if stages[v].to_stage != ARCHIVED]
    good = last_good(versions.ledger.history(problem.name))
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
            f"MLflow knows nothing of {name} version {lost[0]} ({versions.ledger.stage_of(name, lost[0])}): its "
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
        entry = versions.add_candidate(version, actor=whoami(), reason=reason)
        twice = f": it was version {entry.version} again, and is deleted" if entry.version != version else ""
        findings.append(Finding(what=what + twice, repaired=True, todo=""))
    return findings


def _card(versions: VersionPackages, version: int) -> list[Finding]:
    """A card that was not renewed at its last stage change, or cannot be."""
    name = versions.problem.name
    try:
        shown = show_cards(versions.workspace, name, [version])
    except IntegrityError as error:
        return [Finding(what=f"the card of version {version}: {error}", repaired=False, todo="operator")]
    return [Finding(what=f"MLflow showed an older card of version {version}", repaired=True, todo="") for _ in shown]


def _deleted(versions: VersionPackages, entry: Entry) -> Finding:
    """A version that MLflow lost and the ledger has in a stage."""
    name, what = versions.problem.name, f"version {entry.version} ({entry.to_stage}) was deleted from MLflow"
    if entry.to_stage == PRODUCTION:
        todo = f"operator: its package goes on answering; assay rollback {name}, or promote another"
        return Finding(what=what, repaired=False, todo=todo)
    versions.enter(
        entry.version,
        ARCHIVED,
        action=ARCHIVE,
        actor=whoami(),
        reason="deleted from MLflow, found by reconcile",
        expect=None,
        since=entry.digest,
        evidence={},
        override=entry.override,
    )
    return Finding(
        what=what, repaired=True, todo=f"whoever deleted it: assay archive {name} {entry.version} is the way"
    )


def _package(versions: VersionPackages, entry: Entry) -> list[Finding]:
    """See that a version has the package that the ledger names: here, signed where there is a key, and in MLflow.

    Nothing is taken away before what replaces it stands.
    """
    tag, digest = entry.package_tag, entry.package_digest
    if tag is None or digest is None:
        return []
    workspace, of = versions.workspace, f"(version {entry.version}, {entry.to_stage})"
    findings = []
    try:
        package = verify_package(workspace, tag, digest=digest)
    except AssayError as error:
        try:
            package, todo = _mended(versions, entry)
        except AssayError as lost:
            name = versions.problem.name
            way = f"rollback {name}" if entry.to_stage == PRODUCTION else f"archive {name} {entry.version}"
            return [Finding(what=f"{error.what} {of}", repaired=False, todo=f"operator: {lost}; or assay {way}")]
        findings.append(Finding(what=f"{error.what} {of}", repaired=True, todo=todo))
    if sign_package(package):
        findings.append(Finding(what=f"package {tag} was not signed by the key here {of}", repaired=True, todo=""))
    try:
        if bring_signature(workspace, entry, package):
            findings.append(Finding(what=f"package {tag} was not signed here {of}", repaired=True, todo=""))
        if keep_package(workspace, entry.problem, entry.version, package):
            findings.append(
                Finding(what=f"package {tag} was not in MLflow's files as it is here {of}", repaired=True, todo="")
            )
    except AssayError as error:
        what = f"package {tag} is on this machine alone {of}"
        findings.append(Finding(what=what, repaired=False, todo=f"operator: {error}"))
    return findings


def _mended(versions: VersionPackages, entry: Entry) -> tuple[Package, str]:
    """A version's package, whole again, and who should do what."""
    workspace, tag, digest = versions.workspace, str(entry.package_tag), str(entry.package_digest)
    strays = take_strays_away(workspace, tag)
    if strays:
        with suppress(AssayError):
            whole = verify_package(workspace, tag, digest=digest)
            return whole, f"whoever put {', '.join(map(str, strays[:3]))} there: leave packages as they are"
    with suppress(AssayError):  # MLflow may be away, or have another; what is built is proved
        recovered = recovered_package(workspace, entry)
        if recovered is not None:
            return recovered, ""
    return _built_again(versions, entry), ""


def _built_again(versions: VersionPackages, entry: Entry) -> Package:
    """The last resort: a package that is nowhere any more is built again, and judged by its proof.

    On another machine than the one that made it its digest is another, which the ledger then names.
    """
    package = versions.build_again(entry)
    proof = versions.prove(package)
    if package.digest != entry.package_digest:
        versions.enter(
            entry.version,
            entry.to_stage,
            action=REPACKAGED,
            actor=whoami(),
            reason=f"package {entry.package_tag} was lost and built again, found by reconcile",
            expect=entry.version if entry.to_stage in PROMOTABLE else None,
            since=entry.digest,
            evidence={"proof": proof, ANSWERS: what_answers_in(package)},
            package=package,
            override=entry.override,
        )
    return package


def _model(versions: VersionPackages, entry: Entry) -> list[Finding]:
    """See that MLflow has the files of a staged version; its package answers without them."""
    try:
        recorded = versions.tags(entry.version)
        versions.registry.model_folder(versions.problem.name, entry.version, recorded=recorded)
        return []
    except IntegrityError as error:
        what = f"{error.what} (version {entry.version}, {entry.to_stage})"
        todo = "operator: restore MLflow's files from a backup; its package goes on answering"
        return [Finding(what=what, repaired=False, todo=todo)]


def _override(versions: VersionPackages, entry: Entry) -> list[Finding]:
    said = describe_override(entry.override or {}, versions.ledger.now(versions.problem.name))
    if "(EXPIRED)" not in said:
        return []
    return [
        Finding(
            what=f"version {entry.version} is in {entry.to_stage} by an override {said}",
            repaired=False,
            todo=f"{(entry.override or {})['by']}: promote a version that passes, or renew the override",
        )
    ]
