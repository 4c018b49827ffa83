"""Judge a version for a stage: its evidence, the rules, the comparison with production, and its package.

    judge = Judge(workspace, problem, settings, dataset)
    results = judge.gates(version, "production", champion=2, best=1)

What a verdict means stands in `components/gates/rules.py`; what follows from it in `components/lifecycle/promotion.py`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.core import (
    OF_PACKAGE,
    AssayError,
    GateRule,
    ProblemSettings,
    RefusedError,
    Workspace,
    read_source,
    value_digest,
)
from components.evidence import (
    CannotBeEvaluatedError,
    Evidence,
    comparison_seed,
    confirm,
    evaluate,
    evaluation_inputs,
    honesty_inputs,
    is_evaluated,
    was_measured,
)
from components.fields import Dataset, Metric, Problem
from components.gates import Against, GateResult, LostEvidence, judge, judge_challenger, not_compared, refused
from components.ledger import PRODUCTION
from components.lifecycle.committed_gates import committed_gates
from components.lifecycle.evidence_files import fetch_registered
from components.lifecycle.measurement import is_measured, table_of
from components.lifecycle.model_folders import model_files
from components.lifecycle.retraining import changed_training
from components.packages import Package
from components.registry import Registry
from models.descriptions import read_description

MEGABYTES = f"{OF_PACKAGE}megabytes"
"""The one metric of a package, so far."""


class Judge:
    """Judges the versions of one problem on one dataset.

    Args:
        workspace: where ledger and registry live.
        problem: whose models.
        settings: with the rules.
        dataset: what versions are judged on.
    """

    def __init__(self, workspace: Workspace, problem: Problem, settings: ProblemSettings, dataset: Dataset) -> None:
        self._workspace, self._problem, self._settings, self._dataset = workspace, problem, settings, dataset
        self._gathered: dict[int, Evidence] = {}

    def evidence(self, version: int) -> Evidence:
        """The version's evaluation on today's dataset, made when there is none, and read once."""
        if version not in self._gathered:
            of = (self._workspace, self._problem, self._files(version), self._dataset, self._settings)
            if self._workspace.is_cluster and not is_evaluated(*of):
                fetch_registered(self._workspace, self._problem, version)
            self._gathered[version] = evaluate(*of)
        return self._gathered[version]

    def rests_on(self, version: int, champion: int | None) -> list[Evidence]:
        """The evaluations behind the verdicts on a version: its own, and that of the one compared with, if there is."""
        found = [self.evidence(version)]
        if champion is not None:
            with suppress(CannotBeEvaluatedError):  # which the verdict says
                self._require_kept(champion)
                found.append(self.evidence(champion))
        return found

    def gates(
        self, version: int, stage: str, *, champion: int | None, best: int | None = None, first: bool = False
    ) -> list[GateResult]:
        """The verdicts that a version needs for a stage, but for those on its package.

        Args:
            version: the registered version.
            stage: `staging` or `production`.
            champion: who is in that stage now, by the caller's knowledge; production's is compared with. For a version
                that is there already, another one.
            best: the best version that was ever in production, which is compared with, too.
            first: that nothing has been in production yet, so that there is nothing to compare with.

        Raises:
            RefusedError: when production is empty and nobody said that it is the first promotion, or the reverse.
        """
        if stage != PRODUCTION:
            return [*self._judge(version, self._rules(stage)), *self._of_source(version)]
        if champion == version:  # it would be as good as itself
            raise AssayError(
                f"{self._problem.name} version {version} cannot be compared with itself: name another version, or none "
                "where there was none"
            )
        if (champion is None) != first:
            raise RefusedError(
                f"{self._problem.name} has version {champion} in production: leave out --first"
                if first
                else f"{self._problem.name} has nothing in production that version {version} could be compared with: "
                "say --first to go without a comparison"
            )
        if champion is None:
            return [
                *self._judge(version, self._rules(stage)),
                *self._of_source(version),
                *self._of_honesty(version, None),
            ]
        against = [Against(who="champion", version=champion)]
        if best not in (None, version, champion):
            against.append(Against(who="best", version=best))
        compared, theirs = self._compare(version, against)
        judged = self._judge(version, self._rules(stage), champion=theirs)
        return [*judged, *self._of_source(version), *self._of_honesty(version, champion), *compared]

    def _of_source(self, version: int) -> list[GateResult]:
        """The verdict on code, rules and settings that no commit holds; none where a commit holds all of them."""
        if not committed_gates(self._workspace, self._settings.gates).committed:
            return []
        if read_source(self._workspace.root).dirty:
            why = "the working tree has changes that no commit holds: commit them, then repeat"
            return [refused("source", "committed", why, "")]
        description = read_description(self._files(version))
        # What the tree of its training was is forgiven when today's commit makes the very same.
        if not description["git"]["dirty"] or not self._made_otherwise(description):
            return []
        why = f"it was trained in a working tree that no commit holds: `assay run {self._problem.name}` trains another"
        return [refused("source", "committed", why, "")]

    def _made_otherwise(self, description: Mapping[str, Any]) -> bool:
        """Whether today's code, settings and data would make another network."""
        made_from = description["inputs"]
        return made_from["data"] != self._dataset.digest or bool(
            changed_training(self._problem, self._settings, made_from)
        )

    def wants_honesty(self, champion: int | None) -> bool:
        """Whether no version gets to production without a table of its honesty."""
        gates = self._settings.gates.honesty
        return bool(gates.rules) and (gates.required or (champion is not None and self._was_measured(champion)))

    def _of_honesty(self, version: int, champion: int | None) -> list[GateResult]:
        """The verdicts on the table of a version's honesty; none where it has none and none is wanted."""
        if not self._settings.gates.honesty.rules:
            return []
        description = read_description(self._files(version))
        table = table_of(self._workspace, self._problem, self._settings, version)
        if table is not None:
            expected = value_digest(honesty_inputs(self._problem, description, self._settings))
            return judge(self._settings.gates.honesty.rules, table, expected_key=expected)
        stale = was_measured(self._workspace, self._problem, description["weights_sha256"])
        if not (stale or self.wants_honesty(champion)):
            return []
        why = "the table is stale: settings or code changed since" if stale else "nobody measured it"
        return [refused("honesty", "measured", f"{why}: type `assay honesty {self._problem.name} {version}`", "")]

    def _was_measured(self, version: int) -> bool:
        try:
            self._require_kept(version)
        except CannotBeEvaluatedError:
            return False  # the comparison with it does not pass, which says more than a table that is not there
        return is_measured(self._workspace, self._problem, version)

    def _require_kept(self, version: int) -> None:
        """Go on with a version that there still is.

        Raises:
            CannotBeEvaluatedError: for one that was deleted for good.
            AssayError: for one whose files can be put back, as the message says.
        """
        try:
            self._files(version)
        except AssayError as error:
            if version in Registry(self._workspace).tags(self._problem.name):
                raise
            raise CannotBeEvaluatedError(f"{self._problem.name} version {version} was deleted") from error

    def _compare(self, version: int, against: Sequence[Against]) -> tuple[list[GateResult], Evidence | LostEvidence]:
        """The verdict of each comparison, and the evidence for the first of those compared with."""
        settings, ours = self._settings, self.evidence(version)
        others: dict[int, Evidence] = {}
        lost: dict[int, LostEvidence] = {}
        for other in against:
            try:
                self._require_kept(other.version)
                others[other.version] = self.evidence(other.version)
            except CannotBeEvaluatedError as error:
                lost[other.version] = LostEvidence(of=other, reason=str(error))
        failed = [not_compared(one.reason, ours.digest, one.of, settings.gates) for one in lost.values()]
        champion = against[0].version
        if not others:
            return failed, lost[champion]
        folders = [self._files(number) for number in (version, *others)]
        seed = comparison_seed(read_description(folder)["weights_sha256"] for folder in folders)
        challenger, *held = confirm(self._workspace, self._problem, folders, self._dataset, settings, seed=seed)
        losses = dict(zip(others, held, strict=True))
        found = [
            judge_challenger(
                losses[other.version],
                challenger,
                other,
                settings.gates,
                resamplings=settings.evaluate.bootstrap,
                seed=settings.evaluate.seed,
            )
            for other in against
            if other.version in losses
        ]
        return [*found, *failed], others[champion] if champion in others else lost[champion]

    def package_gates(self, version: int, stage: str, package: Package) -> list[GateResult]:
        """The verdicts on a version's package."""
        size = sum(file.stat().st_size for file in package.folder.rglob("*") if file.is_file()) / 1e6
        measured = {MEGABYTES: Metric(value=size, low=size, high=size)}
        return self._judge(version, self._rules(stage, of_package=True), package=measured)

    def _files(self, version: int) -> Path:
        return model_files(self._workspace, self._problem.name, version)

    def _rules(self, stage: str, *, of_package: bool = False) -> list[GateRule]:
        gates = self._settings.gates
        rules = gates.staging + (gates.production if stage == PRODUCTION else ())
        return [rule for rule in rules if rule.metric.startswith(OF_PACKAGE) == of_package]

    def _judge(
        self,
        version: int,
        rules: Sequence[GateRule],
        *,
        champion: Evidence | LostEvidence | None = None,
        package: Mapping[str, Metric] | None = None,
    ) -> list[GateResult]:
        description = read_description(self._files(version))
        inputs = evaluation_inputs(self._problem, description, self._dataset.digest, self._settings)
        expected = value_digest(inputs)
        return judge(rules, self.evidence(version), expected_key=expected, champion=champion, package=package)
