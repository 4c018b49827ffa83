"""What happens to a version on its way through the stages: evidence, gates, package, proof, ledger, mirror.

    promotion = Promotion(workspace, problem, settings, dataset)
    promotion.promote(version, "staging", actor="ada", reason="gates passed", expect=None)

What a stage change itself is stands in `components/stages.py`, what a verdict rests on in `components/judging.py`.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from components.errors import AssayError, IntegrityError, RefusedError
from components.evaluation import Evidence, read_evidence
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.gates import GateResult, require_pass
from components.golden import sample
from components.judging import Judge
from components.ledger_reading import current_entries, entry_in_stage, last_good
from components.ledger_table import Entry
from components.overrides import Override, overruled
from components.package_files import Package, discard_package, verify_package
from components.packaging import build_package, changed_code
from components.proving import prove_package
from components.settings import ProblemSettings
from components.stages import Stages
from components.workspace import Workspace

PROMOTABLE = ("staging", "production")
"""Stages that a version is promoted to; it becomes a candidate by being registered."""


class Promotion(Stages):
    """The way of a problem's models through the stages.

    Args:
        workspace: where ledger, registry and packages live.
        problem: whose models.
        settings: gates and package settings.
        dataset: what versions are judged on; the published one when it is not given.
    """

    def __init__(
        self, workspace: Workspace, problem: Problem, settings: ProblemSettings, dataset: Dataset | None = None
    ) -> None:
        super().__init__(workspace, problem, settings)
        self._dataset = dataset

    @cached_property
    def dataset(self) -> Dataset:
        """Opened, and so checked, when something needs it: a rollback does not."""
        return self._dataset or Dataset.open(self.workspace.dataset(self.problem.name))

    @cached_property
    def judge(self) -> Judge:
        """Who judges on that dataset."""
        return Judge(self.workspace, self.problem, self.settings, self.dataset)

    def package(self, version: int) -> Package:
        """Build the version's package, or find it.

        Raises:
            IntegrityError: when it is not the one that the ledger names: a version has one package.
        """
        known = self.ledger.current(self.problem.name).get(version)
        recorded = known.package_digest if known else None
        package = self._built(version)
        if recorded is None and changed_code(package):  # left by a promotion that was killed, before the code changed
            discard_package(self.workspace, package.tag)
            package = self._built(version)
        if recorded not in (None, package.digest):
            discard_package(self.workspace, package.tag)  # nobody must be answered by it
            commit = self.tags(version)["git.commit"][:12]
            raise IntegrityError(
                f"package {package.tag} cannot be built again as it was (digest {package.digest[:12]}, not "
                f"{str(recorded)[:12]}): code, data or the package settings are others today: check out commit "
                f"{commit} with the data of that day, type `assay reconcile`, or train the model again"
            )
        return package

    def _built(self, version: int) -> Package:
        tags = self.tags(version)
        images, conditions = sample(self.problem, self.dataset, self.settings, self.settings.package.golden_inputs)
        return build_package(
            self.workspace,
            model_folder=self.registry.model_folder(self.problem.name, version),
            version=version,
            lineage={"data_md5": tags["data.md5"], "git_commit": tags["git.commit"]},
            trusted_region=self._registered_evidence(version, tags["evidence.digest"]).trusted_region,
            golden_images=images,
            golden_conditions=conditions,
        )

    def _registered_evidence(self, version: int, digest: str) -> Evidence:
        """The evaluation that a version was registered with; where MLflow lost it, this house's own copy."""
        try:
            kept = read_evidence(self.registry.evaluation_folder(self.problem.name, version))
            if kept.digest == digest:
                return kept
            what = f"{kept.folder} is not the evaluation that version {version} was registered with"
            lost = IntegrityError(what, "restore MLflow's files from a backup")
        except IntegrityError as error:
            lost = error
        own = self.judge.evidence(version)
        if own.digest != digest:
            raise lost
        return own

    def prove(self, package: Package, *, strict: bool = False) -> dict[str, Any]:
        """Serve a package and replay its golden inputs; refused when an answer differs."""
        tolerance = self.settings.package.tolerance
        return prove_package(self.workspace, package.tag, tolerance=tolerance, strict=strict)

    def promote(
        self,
        version: int,
        stage: str,
        *,
        actor: str,
        reason: str,
        expect: int | None,
        first: bool = False,
        override: Override | None = None,
        strict: bool = False,
    ) -> Entry:
        """Judge, package, prove and move a version; nothing is changed when any of these refuses.

        Args:
            version: the registered version.
            stage: one of `PROMOTABLE`.
            actor: who wants it.
            reason: why.
            expect: who is believed to hold the stage now.
            first: as of `gates`.
            override: a person's word against gates that do not pass, but not against a package that is not proved.
            strict: whether the package is proved from a clean virtual environment.

        Raises:
            RefusedError: by a gate, a proof, or because somebody else holds the stage by now.
        """
        with self.telling_refusals(version, stage, actor=actor):
            history = self.ledger.history(self.problem.name)
            own = current_entries(history).get(version)
            self._check_order(history, version, stage)
            if override is not None and override.until < self.ledger.now(self.problem.name).date():
                raise RefusedError(f"the override ends on {override.until}, which is over: give a later day")
            if own is None or own.to_stage != stage:  # it may be there already, by a killed command
                self.ledger.require_holder(self.problem.name, stage, expect)
            champion, first = self._champion(history, version, expect, first=first)
            results = self.judge.gates(version, stage, champion=champion, first=first)
            if override is None:
                self.require(results, version, stage)
            package = self.package(version)
            results += self.judge.package_gates(version, stage, package)
            if override is None:
                self.require(results, version, stage)
            evidence = {**self.facts(results), "proof": self.prove(package, strict=strict)}
            return self.enter(
                version,
                stage,
                action="promote",
                actor=actor,
                reason=reason,
                expect=expect,
                since=own.digest if own else None,
                evidence=evidence,
                package=package,
                override=overruled(override, results),
            )

    def require(self, results: Sequence[GateResult], version: int, stage: str) -> None:
        """Raise a RefusedError unless every gate passed."""
        require_pass(results, what=f"{self.problem.name} version {version} to {stage}")

    def facts(self, results: Sequence[GateResult]) -> dict[str, Any]:
        """What the ledger keeps of the gates."""
        return {"gates": [result.as_json() for result in results], "data": self.dataset.manifest["key"]}

    def rollback(self, *, actor: str, reason: str, expect: int | None = None) -> Entry:
        """Bring the last good version back to production: its package is proved, its gates are history.

        The package is that of the ledger, whatever became of the dataset and of MLflow's files. A rollback that was
        killed before MLflow knew is finished; after a finished one, only who names the version that it brought back
        goes back further: two people in a hurry must not go back two versions.

        Args:
            actor: who wants it.
            reason: why.
            expect: who is believed to be in production; by default whoever got there otherwise than by a rollback.

        Raises:
            RefusedError: when there is no such version, its package does not answer as it did, or production is held
                by another version than expected.
        """
        name = self.problem.name
        history = self.ledger.history(name)
        current = current_entries(history)
        target, held = last_good(history, self.registry.tags(name)), entry_in_stage(current, "production")
        if expect is not None:
            self.ledger.require_holder(name, "production", expect)
        elif held is not None and held.action == "rollback":
            return self._finish_rollback(held)
        if held is None or target is None:
            raise RefusedError(f"{name} has no earlier good version to go back to: see `assay history {name}`")
        with self.telling_refusals(target, "production", actor=actor):
            before = current[target]
            package = verify_package(self.workspace, str(before.package_tag), digest=before.package_digest)
            return self.enter(
                target,
                "production",
                action="rollback",
                actor=actor,
                reason=reason,
                expect=held.version,
                since=before.digest,
                evidence={"rolled_back_from": held.version, "proof": self.prove(package)},
                package=package,
                override=before.override,
            )

    def _finish_rollback(self, held: Entry) -> Entry:
        """Tell of a rollback that was killed before it had; refused when there is nothing left to tell."""
        if not self.mirror(only={held.version, *([held.previous_version] if held.previous_version else [])}):
            raise RefusedError(
                f"{held.problem} was rolled back to version {held.version} by {held.actor} at {held.at} already: "
                f"say --expect {held.version} to go back further"
            )
        self.tell_changes()
        return held

    def _champion(
        self, history: Sequence[Entry], version: int, expect: int | None, *, first: bool
    ) -> tuple[int | None, bool]:
        """Whom a version is compared with for production, and whether there is nobody.

        It is who the ledger will expect there, so that nobody else can slip in between; for the version that is there
        already, whose override is renewed or done with, it is whom a rollback would bring back.
        """
        if expect != version:
            return expect, first
        others = {entry.version for entry in history if entry.to_stage == "production"} - {version}
        return last_good(history, self.registry.tags(self.problem.name)), first or not others

    def _check_order(self, history: Sequence[Entry], version: int, stage: str) -> None:
        if stage not in PROMOTABLE:
            raise AssayError(f"stage {stage!r}: promote to {' or '.join(PROMOTABLE)}")
        been = [entry.to_stage for entry in history if entry.version == version]
        now = been[-1] if been else "not registered"
        if stage == "production" and (now == "candidate" or not set(been) & set(PROMOTABLE)):
            raise RefusedError(f"{self.problem.name} version {version} is {now}: promote it to staging first")
        if stage == "staging" and now == "production":
            raise RefusedError(f"{self.problem.name} version {version} is in production, past staging already")
