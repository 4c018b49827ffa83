"""Which package answers for a stage, by the ledger."""

from datetime import UTC, datetime

from components.core import AssayError, Workspace
from components.ledger import describe_override, open_ledger, registered_tags
from components.packages import Package, verify_package
from components.registry import LOGGED, Registry


def deployed(workspace: Workspace, problem: str, stage: str) -> tuple[Package, dict[str, str]]:
    """The package of a stage and, where gates were overruled, the variable that makes the service say so.

    Raises:
        AssayError: when the stage is empty, or what is there has no package.
        IntegrityError: when the package is damaged, or not the one that the ledger names.
    """
    entry = open_ledger(workspace).entry_in(problem, stage)
    if entry is None:
        raise AssayError(f"{problem} has nothing in {stage}: `assay run {problem}` puts a version there")
    if entry.package_tag is None:
        raise AssayError(
            f"{problem} version {entry.version} has no package: `assay promote {problem} {entry.version} --to staging`"
        )
    package = verify_package(workspace, entry.package_tag, digest=entry.package_digest)
    said = {"ASSAY_OVERRIDE": describe_override(entry.override, datetime.now(UTC))} if entry.override else {}
    return package, said


def check_logged_model(workspace: Workspace, package: Package) -> None:
    """See that MLflow's copy of a package's version is what was registered, by the ledger.

    Raises:
        IntegrityError: when it is not.
    """
    problem, version = package.manifest["model"]["problem"], int(package.manifest["model"]["version"])
    tags = registered_tags(open_ledger(workspace).history(problem)).get(version, {})
    Registry(workspace).check_logged_model(problem, version, tags.get(LOGGED))
