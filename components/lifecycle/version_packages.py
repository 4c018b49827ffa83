"""The package of a version: what ships is what was judged, and the ledger names it.

package = VersionPackages(workspace, problem, settings, dataset).package(3)
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from components.core import AssayError, IntegrityError, KnownDigests, ProblemSettings, Workspace
from components.evidence import Evidence, read_evidence
from components.fields import Dataset, Problem
from components.ledger import Entry
from components.lifecycle.judging import Judge
from components.lifecycle.model_folders import model_files
from components.lifecycle.package_files import package_of
from components.lifecycle.stages import Stages
from components.packages import Package, build_package, sample, what_answers, what_answers_in
from models.descriptions import read_description

if TYPE_CHECKING:
    from models.fields import Arrays

ANSWERS = "answers"
"""What an entry's evidence calls the digest of what decides the answers of its package."""


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
        known = KnownDigests(folder=self.workspace.digests)
        return self._dataset or Dataset.open(self.workspace.dataset(self.problem.name), known)

    @cached_property
    def judge(self) -> Judge:
        """Who judges on that dataset."""
        return Judge(self.workspace, self.problem, self.settings, self.dataset)

    def package(self, version: int) -> Package:
        """The package that answers as today's evidence says: the one that the ledger names, or a new one.

        The ledger's is taken where its code, its weights, the region in which it is trusted and what it is proved with
        are those that are judged; with anything else another package would ship than was judged.
        """
        known, evidence = self.ledger.current(self.problem.name).get(version), self.judge.evidence(version)
        if known is not None and known.package_digest is not None:
            try:
                there = package_of(self.workspace, known)
            except AssayError:  # lost: one that is built now is proved as well
                there = None
            if there is not None and what_answers_in(there) == self.answers(version, evidence):
                return there
        return self.build(version, evidence)

    def answers(self, version: int, evidence: Evidence) -> str:
        """Digest of what decides how a version answers, by an evaluation of it."""
        description = read_description(model_files(self.workspace, self.problem.name, version))
        weights = str(description["weights_sha256"])
        return what_answers(description["estimator"], weights, evidence.tested_range, self._golden_inputs)

    def build(self, version: int, evidence: Evidence) -> Package:
        """Build the package that answers as an evaluation says.

        Raises:
            IntegrityError: when a file of the dataset that it is proved with is not what was written.
        """
        self.dataset.check()
        return build_package(
            self.workspace,
            model_folder=model_files(self.workspace, self.problem.name, version),
            version=version,
            lineage={
                "data_md5": self.tags(version)["data.md5"],
                "git_commit": self.decided_with["commit"],  # of the code in it, which need not be what it trained with
            },
            tested_range=evidence.tested_range,
            golden_inputs=self._golden_inputs,
        )

    def build_again(self, entry: Entry) -> Package:
        """Build the package of an entry again, where it is nowhere any more.

        It is the same to the byte on the machine that made it; elsewhere the last bits of its recorded answers differ,
        and with them its digest. What decides answers must be the same in any case.

        Raises:
            IntegrityError: when it is not: code, data or settings are others today, or nobody recorded what it was.
        """
        recorded = next(
            (
                known.evidence[ANSWERS]
                for known in reversed(self.ledger.history(self.problem.name))
                if known.package_digest == entry.package_digest and ANSWERS in known.evidence
            ),
            None,
        )
        for evidence in self._evaluations(entry.version) if recorded else ():
            if self.answers(entry.version, evidence) == recorded:
                return self.build(entry.version, evidence)
        what = f"package {entry.package_tag} cannot be built again as it was judged"
        if recorded is None:  # as of entries from before it was
            raise IntegrityError(f"{what}: nobody recorded what decided its answers", "train the model again")
        commit = (entry.decided_with or {}).get("commit", "of that day")[:12]
        raise IntegrityError(
            f"{what}: code, data or the package settings are others today",
            f"check out commit {commit} with the data of that day and type `assay reconcile`, or train the model again",
        )

    def _evaluations(self, version: int) -> Iterator[Evidence]:
        """Those of a version that this house and MLflow have: of today's inputs, and the one it was registered with."""
        with suppress(AssayError):  # the dataset may be another today, or gone
            yield self.judge.evidence(version)
        with suppress(AssayError), self.registry.evaluation(self.problem.name, version) as folder:
            yield read_evidence(folder)

    @cached_property
    def _golden_inputs(self) -> "Arrays":
        return sample(self.problem, self.dataset, self.settings, self.settings.package.golden_inputs)
