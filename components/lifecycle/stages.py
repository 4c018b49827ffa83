"""The stages of one problem's models: a change is written into the ledger, told of, and mirrored in MLflow.

    stages = Stages(workspace, problem, settings)
    stages.enter(3, "candidate", action="register", actor="ada", reason="…", expect=2, evidence={})
    stages.archive(3, actor="ada", reason="not used")

The ledger decides; MLflow's aliases, tags and descriptions follow it. Every part may be killed and called again.
What a version must have shown before it enters staging or production stands in `components/lifecycle/promotion.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from components.core import (
    AssayError,
    IntegrityError,
    ProblemSettings,
    RefusedError,
    Workspace,
    read_source,
    settings_values,
    value_digest,
)
from components.fields import Problem
from components.ledger import (
    ARCHIVE,
    ARCHIVED,
    CANDIDATE,
    COLLECTED,
    PRODUCTION,
    REGISTER,
    ROLLBACK,
    Entry,
    KnownWeightsError,
    current_entries,
    open_ledger,
    registered_tags,
)
from components.lifecycle.cards import show_cards
from components.lifecycle.notifications import notify, notify_changes
from components.lifecycle.refusals import KnownRefusalError
from components.lifecycle.witness import unwitnessed
from components.packages import Package, prove_package, verify_package
from components.registry import Difference, Registry, lineage_tags


class Stages:
    """Who is in which stage, and how that changes.

    Args:
        workspace: where ledger, registry and packages live.
        problem: whose models.
        settings: who is told of changes.
    """

    def __init__(self, workspace: Workspace, problem: Problem, settings: ProblemSettings) -> None:
        self.workspace, self.problem, self.settings = workspace, problem, settings
        self.ledger, self.registry = open_ledger(workspace), Registry(workspace)
        self.unshown = ""
        """Why MLflow does not show the latest change, in a line; empty when it does."""

    @cached_property
    def decided_with(self) -> dict[str, Any]:
        """What decides here: the commit of the code, whether the tree is what that commit holds, and the rules."""
        source = read_source(self.workspace.root)
        rules = value_digest(settings_values(self.settings.gates))
        return {"commit": source.commit, "dirty": source.dirty, "rules": rules}

    def enter(
        self,
        version: int,
        stage: str,
        *,
        action: str,
        actor: str,
        reason: str,
        expect: int | None,
        evidence: Mapping[str, Any],
        since: str | None = None,
        package: Package | None = None,
        override: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Write a stage change into the ledger, tell of it and mirror it; see `Ledger.move`.

        The change stands when MLflow cannot be told; `unshown` says so then. A rollback does not need MLflow at all.

        Raises:
            RefusedError: as `Ledger.move`.
            AssayError: when MLflow cannot be asked whether the ledger is the newest one.
        """
        with self.workspace.lock(self.problem.name):
            name = self.problem.name
            self.check_ledger(witnessed=action != ROLLBACK)
            if package is not None:
                self._require_unchanged(package)
                if "proof" in evidence and evidence["proof"]["digest"] != package.digest:
                    raise IntegrityError(f"package {package.tag} is not the one that was proved: repeat the command")
            known = self.ledger.current(name).get(version)
            entry = self.ledger.move(
                name,
                version,
                stage,
                action=action,
                actor=actor,
                reason=reason,
                evidence=evidence,
                # Of what the ledger knows, MLflow is not asked.
                weights_sha256=known.weights_sha256 if known else self._mlflow_tags(version)["weights.sha256"],
                expect=expect,
                since=since,
                package_tag=package.tag if package else known.package_tag if known else None,
                package_digest=package.digest if package else known.package_digest if known else None,
                override=override,
                decided_with=self.decided_with,
            )
            self.tell_changes()
            self.unshown = ""
            try:  # still under the lock: what MLflow does not show yet is no drift for `reconcile`
                moved = {version} | ({expect} if expect is not None else set())
                self.mirror(only=moved)
                show_cards(self.workspace, name, sorted(moved))
            except AssayError as error:
                self.unshown = f"MLflow does not show it yet ({error}): type `assay reconcile` when it can be asked"
            return entry

    def add_candidate(self, version: int, *, actor: str, reason: str) -> Entry:
        """Enter what MLflow has under a number; the ledger keeps the tags that it was registered with.

        Returns:
            The entry that put the network where it is: under another number where another machine was quicker, and the
            one given is deleted from MLflow then.

        Raises:
            AssayError: when there is no such version, or it is not Assay's.
        """
        tags = self._mlflow_tags(version)
        try:
            return self.enter(
                version,
                CANDIDATE,
                action=REGISTER,
                actor=actor,
                reason=reason,
                expect=None,
                evidence={"evaluation": tags["evidence.digest"], "tags": lineage_tags(tags)},
            )
        except KnownWeightsError as known:
            self.registry.delete(self.problem.name, version)
            return self.ledger.current(self.problem.name)[known.version]

    def tags(self, version: int) -> dict[str, str]:
        """What a version was registered with, by the ledger.

        Raises:
            AssayError: when there is no such version.
        """
        known = registered_tags(self.ledger.history(self.problem.name)).get(version)
        return self._mlflow_tags(version) if known is None else known

    def archive(self, version: int, *, actor: str, reason: str) -> Entry:
        """Take a version out of the way; what is archived by somebody is not rolled back to.

        Raises:
            RefusedError: for the version in production, which would leave that stage empty.
        """
        name = self.problem.name
        entry = self.ledger.current(name).get(version)
        if entry is None:
            raise RefusedError(f"{name} version {version} is not registered: see `assay models {name}`")
        if entry.action == COLLECTED:
            raise RefusedError(f"{name} version {version} was archived, and its files deleted, by gc already")
        if entry.to_stage == PRODUCTION:
            hint = f"`assay rollback {name}`, or promote another first"
            raise RefusedError(f"{name} version {version} is in production: {hint}")
        return self.enter(
            version,
            ARCHIVED,
            action=ARCHIVE,
            actor=actor,
            reason=reason,
            expect=None,
            since=entry.digest,
            evidence={},
            override=entry.override,
        )

    def prove(self, package: Package, *, strict: bool = False) -> dict[str, Any]:
        """Serve a package and replay its golden inputs; refused when an answer differs."""
        return prove_package(self.workspace, package.tag, strict=strict)

    def mirror(self, only: set[int] | None = None) -> list[Difference]:
        """Make MLflow say what the ledger says, of some versions or of all.

        Returns:
            What was not so.

        Raises:
            IntegrityError: when MLflow has seen more than the ledger has: an older ledger would overwrite its witness.
        """
        name = self.problem.name
        self.check_ledger()
        found: list[Difference] = []
        shown = None
        # Whoever writes last looks again: a slower process must not put an older state over a newer one.
        while shown != (history := self.ledger.history(name)):
            found += self.registry.mirror(name, current_entries(history), registered_tags(history), only=only)
            shown = history
        return found

    def tell_changes(self) -> None:
        """Notify of what the ledger got since the last time; a process that was killed had no time to."""
        notify_changes(self.workspace, self.settings.notify, self.ledger.history(self.problem.name))

    def check_ledger(self, *, witnessed: bool = True) -> None:
        """See that the ledger is whole, and still has what MLflow saw of it last.

        Args:
            witnessed: whether MLflow must answer that; where it does not, the ledger's own word counts otherwise.

        Raises:
            IntegrityError: when an entry was changed or is gone.
            AssayError: when MLflow must answer and does not.
        """
        why = unwitnessed(self.ledger, self.registry, self.problem.name)
        if witnessed and why is not None:
            raise why

    @contextmanager
    def telling_refusals(self, version: int, stage: str, *, actor: str) -> Iterator[None]:
        """Notify of whatever ends the block, and let it go on."""
        try:
            yield
        except KnownRefusalError:
            raise  # they were told the first time
        except AssayError as refusal:
            facts = {"version": version, "stage": stage, "actor": actor, "reason": str(refusal)}
            notify(self.workspace, self.settings.notify, {"event": "refused", "problem": self.problem.name, **facts})
            raise

    def _require_unchanged(self, package: Package) -> None:
        """See that no cleaning took a package since it was proved, and nobody changed it."""
        try:
            verify_package(self.workspace, package.tag, digest=package.digest)
        except AssayError as error:
            raise IntegrityError(error.what, "it was whole when it was proved: repeat the command") from error

    def _mlflow_tags(self, version: int) -> dict[str, str]:
        return dict(self.registry.version(self.problem.name, version).tags)
