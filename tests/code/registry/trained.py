"""A small network with an evaluation, and what a ledger would say of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from components.core.workspace import Workspace
from components.fields.evaluation import Metric
from components.fields.problem import Problem
from components.ledger.table import Entry
from components.problems.galaxy_shape.problem import GalaxyShape
from components.registry.registry import Registry
from components.registry.runs import DatasetSource
from models.estimators.numbers import NumbersEstimator
from models.estimators.saved import save_model
from tests.estimators import CONFIG


def batch(count: int = 3) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(5)
    return {
        "image": random.normal(0, 10, (count, 64, 64)).astype("float32"),
        "sigma": random.uniform(5, 10, count).astype("float32"),
        "psf_fwhm": random.uniform(0.6, 0.8, count).astype("float32"),
    }


class Trained:
    """A network and its evaluation on disk, and how it is registered."""

    def __init__(self, root: Path, seed: int = 0, **description: Any) -> None:
        torch.manual_seed(seed)
        self.workspace = Workspace(root=root, home=root / ".assay")
        self.estimator = NumbersEstimator(CONFIG).eval()
        self.folder, self.evaluation = root / f"model-{seed}", root / f"evaluation-{seed}"
        self.weights = save_model(self.folder, self.estimator, {"seed": seed, **description})
        self.evaluation.mkdir(exist_ok=True)
        (self.evaluation / "report.json").write_text("{}")
        self.evidence = f"evidence-{seed}"

    def register(self, params: Mapping[str, Any] | None = None, /, **tags: str) -> int:
        return Registry(self.workspace).register(
            cast(Problem, GalaxyShape()),
            self.folder,
            self.evaluation,
            tags={
                "weights.sha256": self.weights,
                "evidence.digest": self.evidence,
                "git.commit": "c" * 40,
                "data.md5": "d" * 32,
                **tags,
            },
            params={"width": 8, "learning_rate": 1e-3, **(params or {})},
            metrics={
                f"rmse_over_crb.snr60.{name}": Metric(value=1.2, low=1.1, high=1.3) for name in GalaxyShape.truths
            },
            dataset=DatasetSource(name="galaxy-shape", digest="d" * 64, path=self.workspace.data),
            input_example=batch(),
            headline=["rmse_over_crb.snr60.flux"],
        )

    def stages(self, where: dict[int, str]) -> dict[int, Entry]:
        """Entries as a ledger would have them, newest first."""
        return {
            version: Entry(
                sequence=1,
                problem="galaxy-shape",
                version=version,
                action="promote",
                from_stage=None,
                to_stage=stage,
                previous_version=None,
                actor="ada",
                reason="gates passed",
                evidence={},
                override=None,
                weights_sha256=self.weights,
                package_tag=None,
                package_digest=None,
                at="2026-01-01T00:00:00.000+00:00",
            )
            for version, stage in where.items()
        }
