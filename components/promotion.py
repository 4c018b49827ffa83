"""What happens to a version on its way through the stages: evidence, gates, package, proof, ledger, mirror.

    promotion = Promotion(workspace, problem, settings, dataset)
    promotion.promote(version, "staging", actor="ada", reason="gates passed")

Every part may be killed and called again. The ledger decides; MLflow's aliases follow it.
"""

import getpass
from typing import Any

import numpy as np
import torch

from components.datasets import Dataset
from components.digests import value_digest
from components.errors import AssayError, RefusedError
from components.evaluation import TRUSTED_REGION, Evidence, evaluate, evaluation_inputs
from components.gates import GateResult, judge, judge_challenger, require_pass
from components.ledger import Entry, Ledger
from components.packaging import build_package
from components.problems.base import Problem
from components.registry import Registry
from components.serving import Package, prove_package
from components.settings import ProblemSettings
from components.workspace import Workspace

PROMOTABLE = ("staging", "production")
"""Stages that a version is promoted to; it becomes a candidate by being registered."""


class Promotion:
    """The stages of one problem's models.

    Args:
        workspace: where ledger, registry and packages live.
        problem: whose models.
        settings: gates and package settings.
        dataset: what versions are judged on.
    """

    def __init__(self, workspace: Workspace, problem: Problem, settings: ProblemSettings, dataset: Dataset) -> None:
        self.workspace, self.problem, self.settings, self.dataset = workspace, problem, settings, dataset
        self.ledger, self.registry = open_ledger(workspace), Registry(workspace)

    def evidence(self, version: int) -> Evidence:
        """The version's evaluation on today's dataset, made when there is none."""
        folder = self.registry.model_folder(self.problem.name, version)
        return evaluate(self.workspace, self.problem, folder, self.dataset, self.settings)

    def gates(self, version: int, stage: str) -> list[GateResult]:
        """The verdicts that a version needs for a stage: the rules, and for production the comparison too."""
        evidence = self.evidence(version)
        weights = self._tags(version)["weights.sha256"]
        expected = value_digest(evaluation_inputs(self.problem, weights, self.dataset, self.settings))
        results = judge(self.settings.gates.staging, evidence, expected_key=expected)
        champion = self.ledger.holder(self.problem.name, "production")
        if stage == "production" and champion not in (None, version):
            results.append(
                judge_challenger(
                    self.evidence(champion).losses,
                    evidence,
                    margin=self.settings.gates.margin,
                    resamplings=self.settings.evaluate.bootstrap,
                    seed=self.settings.evaluate.seed,
                )
            )
        return results

    def package(self, version: int) -> Package:
        """Build the version's package, or find it, and name it on the version."""
        tags = self._tags(version)
        images, conditions = self.sample(self.settings.package.golden_inputs)
        package = build_package(
            self.workspace,
            model_folder=self.registry.model_folder(self.problem.name, version),
            version=version,
            lineage={"data_md5": tags["data.md5"], "git_commit": tags["git.commit"]},
            trusted_region=self.registry.evaluation_folder(self.problem.name, version) / TRUSTED_REGION,
            golden_images=images,
            golden_conditions=conditions,
        )
        self.registry.tag(self.problem.name, version, {"package.tag": package.tag, "package.digest": package.digest})
        return package

    def prove(self, version: int) -> dict[str, Any]:
        """Serve the version's package and replay its golden inputs; refused when an answer differs."""
        return prove_package(self.workspace, self.package(version).tag, tolerance=self.settings.package.tolerance)

    def enter(
        self,
        version: int,
        stage: str,
        *,
        actor: str,
        reason: str,
        expect: int | None,
        evidence: dict[str, Any],
    ) -> Entry:
        """Write a stage change into the ledger and mirror it; see `Ledger.move`."""
        tags = self._tags(version)
        entry = self.ledger.move(
            self.problem.name,
            version,
            stage,
            actor=actor,
            reason=reason,
            evidence=evidence,
            weights_sha256=tags["weights.sha256"],
            expect=expect,
            package_tag=tags.get("package.tag"),
        )
        self.mirror()
        return entry

    def promote(self, version: int, stage: str, *, actor: str, reason: str, expect: int | None) -> Entry:
        """Judge, package, prove and move a version; nothing is changed when any of these refuses.

        Args:
            version: the registered version.
            stage: one of `PROMOTABLE`.
            actor: who wants it.
            reason: why.
            expect: who is believed to hold the stage now.

        Raises:
            RefusedError: by a gate, a proof, or because somebody else holds the stage by now.
        """
        if stage not in PROMOTABLE:
            raise AssayError(f"stage {stage!r}: promote to {' or '.join(PROMOTABLE)}")
        now = self.ledger.stage_of(self.problem.name, version)
        if stage == "production" and now not in ("staging", "production", "archived"):
            raise RefusedError(
                f"{self.problem.name} version {version} is {now or 'not registered'}: promote it to staging first"
            )
        if stage == "staging" and now == "production":
            raise RefusedError(f"{self.problem.name} version {version} is in production, past staging already")
        results = self.gates(version, stage)
        require_pass(results, what=f"{self.problem.name} version {version} to {stage}")
        evidence: dict[str, Any] = {
            "gates": [result.as_json() for result in results],
            "data": self.dataset.manifest["key"],
        }
        self.package(version)
        if stage == "production":
            evidence["proof"] = self.prove(version)
        return self.enter(version, stage, actor=actor, reason=reason, expect=expect, evidence=evidence)

    def restore(self, version: int, *, actor: str, reason: str, expect: int) -> Entry:
        """Bring a version back to production that was there before: its package is proved, its gates are history.

        Raises:
            RefusedError: when the package does not answer as it did, or somebody else was quicker.
        """
        evidence = {"proof": self.prove(version)}
        return self.enter(version, "production", actor=actor, reason=reason, expect=expect, evidence=evidence)

    def mirror(self) -> None:
        """Make MLflow's aliases say what the ledger says."""
        stages = ("candidate", "staging", "production")
        self.registry.mirror(
            self.problem.name, {stage: self.ledger.holder(self.problem.name, stage) for stage in stages}
        )

    def sample(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The first test images as a camera would see them, shapes (count, height, width) and (count, conditions)."""
        rows = self.dataset.rows("test")[:count]
        stamp_bhw = torch.from_numpy(self.dataset.stamps(rows))
        conditions_bc = torch.from_numpy(self.dataset.columns(self.problem.conditions, rows))
        generator = torch.Generator().manual_seed(self.settings.evaluate.seed)
        return self.problem.observe(stamp_bhw, conditions_bc, generator, self.settings.simulate), conditions_bc

    def request_items(self, count: int) -> list[dict[str, Any]]:
        """The same images as a request carries them."""
        images, conditions = self.sample(count)
        return request_items(images.numpy(), conditions.numpy(), self.problem.conditions)

    def _tags(self, version: int) -> dict[str, str]:
        return dict(self.registry.version(self.problem.name, version).tags)


def open_ledger(workspace: Workspace) -> Ledger:
    """The workspace's ledger, its table made when it is new."""
    ledger = Ledger(workspace.database_url)
    ledger.create()
    return ledger


def request_items(
    images: np.ndarray[Any, Any], conditions: np.ndarray[Any, Any], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Images and conditions as the service takes them, one mapping an image."""
    return [
        {"image": image.tolist(), **dict(zip(names, map(float, row), strict=True))}
        for image, row in zip(images, conditions, strict=True)
    ]


def whoami() -> str:
    """The user that stage changes are recorded under."""
    return getpass.getuser()
