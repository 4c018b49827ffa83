"""The way of a version to staging and production, in one sequence: gates, package, proof, stage change.

    promotion = Promotion(workspace, problem, settings, dataset)
    promotion.promote(version, "staging", actor="ada", reason="gates passed", expect=None)

What a verdict rests on stands in `judging.py`, what a stage change itself is in `stages.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from components.core import AssayError, RefusedError
from components.gates import (
    COMPARED_WITH,
    GateResult,
    Override,
    Verdict,
    check_override,
    overruled,
    require_pass,
    verdicts_in_markdown,
)
from components.ledger import (
    PRODUCTION,
    PROMOTABLE,
    PROMOTE,
    Entry,
    Refusal,
    current_entries,
    whoami,
)
from components.lifecycle.anchor import best_ever
from components.lifecycle.committed_gates import committed_gates
from components.lifecycle.evidence_files import keep_evidence
from components.lifecycle.model_folders import model_files
from components.lifecycle.order import check_free, check_order, compared_with
from components.lifecycle.package_files import keep_package
from components.lifecycle.parts import Shower, Teller, quietly, show_nobody
from components.lifecycle.refusals import judged_by, lasts, may_pass, told_once
from components.lifecycle.version_packages import ANSWERS, VersionPackages
from components.packages import Package, what_answers_in
from models.descriptions import read_description


class Promotion(VersionPackages):
    """The way of a problem's models through the stages."""

    def promote(
        self,
        version: int,
        stage: str,
        *,
        actor: str,
        reason: str,
        expect: int | None,
        first: bool = False,
        since: str | None = None,
        override: Override | None = None,
        strict: bool = False,
        tell: Teller = quietly,
        show: Shower = show_nobody,
    ) -> Entry:
        """Judge, package, prove and move a version; nothing is changed when any of these refuses.

        Args:
            version: the registered version.
            stage: one of `PROMOTABLE`.
            actor: who wants it.
            reason: why.
            expect: who is believed to hold the stage now.
            first: that nothing else was ever in production, so that there is nothing to compare with.
            since: digest of the version's own entry that the decision was made against; today's by default.
            override: a person's word against gates that do not pass, but not against a package that is not proved. It
                is that of the account that runs this, or of a name in `gates.may_override`, and ends in time.
            strict: whether the package is proved from a clean virtual environment.
            tell: what carries out each of the four parts, and tells of it.
            show: what is shown the verdicts; MLflow has them in any case.

        Raises:
            RefusedError: by a gate, a proof, an override that may not be given, or because somebody else holds the
                stage by now.
        """
        name = self.problem.name
        with self.telling_refusals(version, stage, actor=actor):
            history = self.ledger.history(name)
            own = current_entries(history).get(version)
            if own is None:
                self.tags(version)  # raises where nobody knows it: no stage is the next one then
            check_order(history, name, version, stage)
            if override is not None:
                gates = committed_gates(self.workspace, self.settings.gates)
                check_override(override, gates, account=whoami(), today=self.ledger.now(name).date())
            if own is None or own.to_stage != stage:  # it may be there already, by a killed command
                self.ledger.require_holder(name, stage, expect)
            champion: int | None = None
            if stage == PRODUCTION:
                champion, first = compared_with(history, name, version, expect=expect, first=first)

            def gate() -> tuple[list[GateResult], str]:
                best = best_ever(history, self.registry.tags(name))
                results = self.judge.gates(version, stage, champion=champion, best=best, first=first)
                self._require(results, version, stage, override, actor=actor, show=show)
                compared = [result.reason for result in results if COMPARED_WITH in result.details]
                return results, "; ".join([f"{len(results)} rules passed for {stage}", *compared])

            def package() -> tuple[tuple[Package, list[GateResult]], str]:
                built = self.package(version)
                results = self.judge.package_gates(version, stage, built)
                self._require(gated + results, version, stage, override, actor=actor, show=show)
                return (built, results), f"{built.tag}, digest {built.digest[:12]}"

            def prove() -> tuple[dict[str, Any], str]:
                proof = self._proved(built, version, stage, actor=actor, strict=strict)
                largest = f"{proof['max_difference']:.1e} of what is allowed"
                return proof, f"{proof['inputs']} golden inputs replayed, largest difference {largest}"

            def move() -> tuple[Entry, str]:
                # Before the change: another machine that follows it at once finds both.
                keep_package(self.workspace, name, version, built)
                rests_on = self.judge.rests_on(version, champion)
                registered = self.tags(version)["evidence.digest"]
                keep_evidence(self.registry, name, version, rests_on, registered=registered)
                self._show(results, version, stage, show)
                entry = self.enter(
                    version,
                    stage,
                    action=PROMOTE,
                    actor=actor,
                    reason=reason,
                    expect=expect,
                    since=since or (own.digest if own else None),
                    evidence=evidence,
                    package=built,
                    override=overruled(override, results),
                )
                replaced = f", replacing version {entry.previous_version}" if entry.previous_version else ""
                return entry, f"{name} version {version} is in {stage}{replaced}{self.unshown and f'; {self.unshown}'}"

            gated = tell("gate", stage, gate)
            built, of_package = tell("package", stage, package)
            results = gated + of_package
            evidence = {
                "gates": [result.as_json() for result in results],
                "data": self.dataset.digest,
                "proof": tell("prove", stage, prove),
                ANSWERS: what_answers_in(built),
            }
            return tell("stage", stage, move)

    def advance(
        self, version: int, *, actor: str, reason: str, tell: Teller = quietly, show: Shower = show_nobody
    ) -> Entry:
        """Take a version from wherever it stands to production, by way of staging.

        Args:
            version: the registered version.
            actor: who wants it.
            reason: why.
            tell: as of `promote`.
            show: as of `promote`.

        Raises:
            RefusedError: as `promote`; for a version that somebody archived, or archives meanwhile.
        """
        name = self.problem.name
        history = self.ledger.history(name)
        now = current_entries(history)[version]
        check_free(history, now)
        for stage in PROMOTABLE[PROMOTABLE.index(now.to_stage) + 1 if now.to_stage in PROMOTABLE else 0 :]:
            # What comes next rests on this very entry: a version that is archived meanwhile stays so.
            now = self.promote(
                version,
                stage,
                actor=actor,
                reason=reason,
                expect=self.ledger.holder(name, stage),
                # One that has had a model in production is never first again.
                first=stage == PRODUCTION and not self.ledger.was_ever_in(name, PRODUCTION),
                since=now.digest,
                tell=tell,
                show=show,
            )
        return now

    def _require(
        self,
        results: Sequence[GateResult],
        version: int,
        stage: str,
        override: Override | None,
        *,
        actor: str,
        show: Shower,
    ) -> None:
        """Raise a RefusedError unless every gate passed or is overruled; the ledger keeps what was refused."""
        if override is not None:
            return
        try:
            require_pass(results, what=f"{self.problem.name} version {version} to {stage}")
        except RefusedError as refused:
            self._show(results, version, stage, show)
            failed = [result.metric for result in results if result.verdict is not Verdict.PASS]
            of = None if lasts(results) else failed
            raise self._told_once(refused, version, stage, actor=actor, may_pass_by=of) from refused

    def _show(self, results: Sequence[GateResult], version: int, stage: str, show: Shower) -> None:
        """Show the verdicts, and keep them in MLflow; they decide nothing there."""
        page = verdicts_in_markdown(results, what=f"{self.problem.name} version {version} to {stage}")
        show(stage, page)
        with suppress(AssayError):
            self.registry.attach_text(self.problem.name, version, page, f"gates/{stage}.md")

    def _proved(self, built: Package, version: int, stage: str, *, actor: str, strict: bool) -> dict[str, Any]:
        """Prove a package; the ledger keeps that it was refused."""
        try:
            return self.prove(built, strict=strict)
        except RefusedError as refused:
            raise self._told_once(refused, version, stage, actor=actor, may_pass_by=["proof"]) from refused

    def _told_once(
        self, refused: RefusedError, version: int, stage: str, *, actor: str, may_pass_by: Sequence[str] | None
    ) -> AssayError:
        """Keep a refusal in the ledger, by what it was judged by; see `refusals.py`."""
        name, description = self.problem.name, read_description(model_files(self.workspace, self.problem.name, version))
        production = self.ledger.entry_in(name, PRODUCTION)
        rules = judged_by(self.problem, self.settings, description, self.dataset.digest, production)
        if may_pass_by is not None:
            rules = may_pass(rules, self.decided_with["commit"], may_pass_by)
        kept = Refusal(
            problem=name,
            version=version,
            weights_sha256=description["weights_sha256"],
            stage=stage,
            rules=rules,
            actor=actor,
            reason=str(refused),
        )
        return told_once(self.ledger, refused, kept)
