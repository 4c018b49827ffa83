"""Which package answers for a stage, by the ledger.

now = deployed(workspace, "galaxy-shape", "production")
with served(workspace, now.package, environment=now.variables) as url: ...
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from components.core import AssayError, Workspace
from components.ledger import Entry, describe_override, open_ledger, registered_tags
from components.lifecycle.package_files import package_of
from components.lifecycle.witness import unwitnessed
from components.packages import Package
from components.registry import LOGGED, Registry


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What answers for a stage."""

    entry: Entry
    """Which put it there."""
    package: Package
    override: str | None
    """By whose word it is there where gates were overruled."""
    unwitnessed: str
    """Why nobody could say that the ledger is the newest one; empty when MLflow did."""

    @property
    def variables(self) -> Mapping[str, str]:
        """For the service, which says so."""
        return {} if self.override is None else {"ASSAY_OVERRIDE": self.override}


def deployed(workspace: Workspace, problem: str, stage: str) -> Deployed:
    """What answers for a stage now.

    Raises:
        AssayError: when the stage is empty, or what is there has no package.
        IntegrityError: when the package is damaged or not the one that the ledger names, or the ledger is an older one
            than MLflow has seen.
    """
    ledger = open_ledger(workspace)
    why = unwitnessed(ledger, Registry(workspace), problem)
    entry = ledger.entry_in(problem, stage)
    if entry is None:
        raise AssayError(f"{problem} has nothing in {stage}: `assay run {problem}` puts a version there")
    override = describe_override(entry.override, datetime.now(UTC)) if entry.override else None
    return Deployed(
        entry=entry,
        package=package_of(workspace, entry),
        override=override,
        unwitnessed=f"nobody can say whether the ledger is the newest one: {why}" if why else "",
    )


def check_logged_model(workspace: Workspace, problem: str, version: int) -> None:
    """See that MLflow's copy of a version is what was registered, by the ledger.

    Raises:
        IntegrityError: when it is not.
    """
    tags = registered_tags(open_ledger(workspace).history(problem)).get(version, {})
    Registry(workspace).check_logged_model(problem, version, tags.get(LOGGED))
