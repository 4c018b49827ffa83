"""The package of a version: built once, found again, and never another one than the ledger names.

package = VersionPackages(workspace, problem, settings, dataset).package(3)
"""

from functools import cached_property

from components.core import IntegrityError, ProblemSettings, Workspace
from components.evidence import Evidence, read_evidence
from components.fields import Dataset, Problem
from components.lifecycle.judging import Judge
from components.lifecycle.stages import Stages
from components.packages import Package, build_package, sample


class VersionPackages(Stages):
    """The stages of a problem's models, and their packages.

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
        tags = self.tags(version)
        inputs = sample(self.problem, self.dataset, self.settings, self.settings.package.golden_inputs)
        return build_package(
            self.workspace,
            model_folder=self.registry.model_folder(self.problem.name, version),
            version=version,
            lineage={"data_md5": tags["data.md5"], "git_commit": tags["git.commit"]},
            tested_range=self._registered_evidence(version, tags["evidence.digest"]).tested_range,
            golden_inputs=inputs,
            recorded=known.package_digest if known else None,
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
