"""Judge a version for a stage: its evidence, the rules, the comparison with production, and its package.

    judge = Judge(workspace, problem, settings, dataset)
    results = judge.gates(version, "production", champion=2)

What a verdict means stands in `components/gates/rules.py`; what follows from it in `components/lifecycle/promotion.py`.
"""

from collections.abc import Mapping, Sequence

from components.core import OF_PACKAGE, GateRule, ProblemSettings, RefusedError, Workspace, value_digest
from components.evidence import (
    CannotBeEvaluatedError,
    Confirmed,
    Evidence,
    confirm,
    evaluate,
    evaluation_inputs,
)
from components.fields import Dataset, Metric, Problem
from components.gates import GateResult, judge, judge_challenger, not_compared
from components.ledger import PRODUCTION
from components.lifecycle.model_files import model_files
from components.packages import Package, changed_code
from models.estimators import read_description


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

    def evidence(self, version: int) -> Evidence:
        """The version's evaluation on today's dataset, made when there is none."""
        folder = model_files(self._workspace, self._problem.name, version)
        return evaluate(self._workspace, self._problem, folder, self._dataset, self._settings)

    def gates(self, version: int, stage: str, *, champion: int | None, first: bool = False) -> list[GateResult]:
        """The verdicts that a version needs for a stage, but for those on its package.

        Args:
            version: the registered version.
            stage: `staging` or `production`.
            champion: who is in that stage now, by the caller's knowledge; production's is compared with.
            first: that nothing has been in production yet, so that there is nothing to compare with.

        Raises:
            RefusedError: when production is empty and nobody said that it is the first promotion, or the reverse.
        """
        if stage != PRODUCTION:
            return self._judge(version, self._rules(stage))
        if champion != version and (champion is None) != first:
            raise RefusedError(
                f"{self._problem.name} has version {champion} in production: leave out --first"
                if first
                else f"{self._problem.name} has nothing in production that version {version} could be compared with: "
                "say --first to go without a comparison"
            )
        gates = self._settings.gates
        if champion in (None, version):
            return self._judge(version, self._rules(stage))
        ours, challenging = self.evidence(version), self._confirmed(version)
        try:
            theirs, held = self.evidence(champion), self._confirmed(champion)
        except CannotBeEvaluatedError as error:
            lost = not_compared(f"production, version {champion}, cannot be compared with: {error}", ours.digest, gates)
            return [*self._judge(version, self._rules(stage)), lost]
        compared = judge_challenger(
            held,
            challenging,
            gates,
            resamplings=self._settings.evaluate.bootstrap,
            seed=self._settings.evaluate.seed,
        )
        return [*self._judge(version, self._rules(stage), champion=theirs), compared]

    def package_gates(self, version: int, stage: str, package: Package) -> list[GateResult]:
        """The verdicts on a version's package.

        Raises:
            RefusedError: when it answers by other code than was judged.
        """
        changed = changed_code(package)
        if changed:
            raise RefusedError(
                f"package {package.tag} has another {changed[0]} than today's code, by which version {version} was "
                f"judged: go back to the commit that it was packaged at, or `assay train {self._problem.name}`"
            )
        size = sum(file.stat().st_size for file in package.folder.rglob("*") if file.is_file()) / 1e6
        measured = {f"{OF_PACKAGE}megabytes": Metric(value=size, low=size, high=size)}
        return self._judge(version, self._rules(stage, of_package=True), package=measured)

    def _confirmed(self, version: int) -> Confirmed:
        folder = model_files(self._workspace, self._problem.name, version)
        return confirm(self._problem, folder, self._dataset, self._settings)

    def _rules(self, stage: str, *, of_package: bool = False) -> list[GateRule]:
        gates = self._settings.gates
        rules = gates.staging + (gates.production if stage == PRODUCTION else ())
        return [rule for rule in rules if rule.metric.startswith(OF_PACKAGE) == of_package]

    def _judge(
        self,
        version: int,
        rules: Sequence[GateRule],
        *,
        champion: Evidence | None = None,
        package: Mapping[str, Metric] | None = None,
    ) -> list[GateResult]:
        description = read_description(model_files(self._workspace, self._problem.name, version))
        inputs = evaluation_inputs(self._problem, description, self._dataset, self._settings)
        expected = value_digest(inputs)
        return judge(rules, self.evidence(version), expected_key=expected, champion=champion, package=package)
