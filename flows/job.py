"""What every command and flow works on: one problem, at one size, in one workspace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from components.core import (
    AssayError,
    KnownDigests,
    ProblemSettings,
    Source,
    Workspace,
    load_settings,
    notify_url,
    read_source,
)
from components.problems import find_problem

if TYPE_CHECKING:
    from components.fields import Dataset, Problem


def open_workspace() -> Workspace:
    """The workspace around the current folder, its environment set and its state folder ready.

    Raises:
        AssayError: when there is none, or the state folder cannot be written.
    """
    workspace = Workspace.find()
    workspace.activate()
    workspace.prepare()
    return workspace


@dataclass(frozen=True, kw_only=True)
class Job:
    """One problem at one size; opening it checks all that can be checked before any work."""

    workspace: Workspace
    problem_name: str
    size: str
    overrides: Mapping[str, Mapping[str, Any]]
    """Settings from the command line, by section of params.yaml."""

    @classmethod
    def open(
        cls, problem: str, size: str = "demo", *, overrides: Mapping[str, Mapping[str, Any]] | None = None
    ) -> "Job":
        """The job in the workspace around the current folder, its environment set.

        Raises:
            AssayError: unknown problem, bad params.yaml, no git repository, an address for events that anybody could
                listen to, or a state folder that cannot be written.
        """
        job = cls.unchecked(problem, size, overrides=overrides)
        job.check()
        return job

    @classmethod
    def unchecked(
        cls, problem: str, size: str = "demo", *, overrides: Mapping[str, Mapping[str, Any]] | None = None
    ) -> "Job":
        """The same, of which nothing is looked at but where the workspace is."""
        workspace = Workspace.find()
        workspace.activate()
        return cls(workspace=workspace, problem_name=problem, size=size, overrides=overrides or {})

    def check(self) -> None:
        """See that all is there that it needs, and make the state folder ready; raises as `open`."""
        _ = self.settings
        self.check_surroundings()

    def check_surroundings(self) -> None:
        """The same of all but the settings, which take long to read."""
        for _ in (self.source, notify_url()):  # both are read now, so that both can refuse now
            continue
        self.workspace.prepare()

    @cached_property
    def problem(self) -> "Problem":
        """The problem itself."""
        return find_problem(self.problem_name)

    @cached_property
    def settings(self) -> ProblemSettings:
        """Its section of params.yaml."""
        path = self.workspace.root / "params.yaml"
        return load_settings(path, self.problem_name, self.problem.settings, size=self.size, overrides=self.overrides)

    @cached_property
    def source(self) -> Source:
        """The commit it runs from."""
        return read_source(self.workspace.root)

    def require_registry(self) -> str:
        """See that what is made can be registered, before hours of work that could not be.

        Returns:
            Where MLflow is taken from, when that is not this house's own; else nothing.

        Raises:
            AssayError: when MLflow does not answer, is another version's, or somebody renamed or deleted what is there.
        """
        from components.registry import Registry

        registry = Registry(self.workspace)
        registry.create()
        registry.check(self.problem_name)
        return registry.taken_from

    def published(self, *, whole: bool = False) -> "Dataset":
        """The published dataset, if it is the one that params.yaml describes.

        Args:
            whole: whether every file of it is hashed, and not only those that were written to since they were.

        Raises:
            AssayError: when there is none, it was made otherwise, or the folder that keeps it is not mounted.
        """
        from components.data import check_cache, dataset_key, is_made_by, restore
        from components.fields import Dataset

        check_cache(self.workspace)
        if self.workspace.is_cluster and not self.workspace.dataset(self.problem_name).exists():
            restore(self.workspace, self.problem_name)  # another machine drew it
        known = None if whole else KnownDigests(folder=self.workspace.digests)
        dataset = Dataset.open(self.workspace.dataset(self.problem_name), known)
        if not is_made_by(self.workspace, dataset, dataset_key(self.problem, self.settings.simulate)):
            raise AssayError(
                f"{dataset.folder} was made by another simulator or other settings than today's, by data.dvc: "
                f"type `assay simulate {self.problem_name}`"
            )
        return dataset

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the problem's lock; it is free when the process ends, however it ends.

        Raises:
            AssayError: when another process works on the problem, under `profile: cluster` on any machine.
        """
        try:
            with self.workspace.shared_lock(f"{self.problem_name}.lock", timeout_s=0):
                yield
        except Timeout as error:
            raise AssayError(
                f"another assay command is working on {self.problem_name}: wait for it, or end it (its lock is "
                f"{error.lock_file})"
            ) from error
