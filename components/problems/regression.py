"""What every regression problem shares: the loss, and the evidence gathered against the bound.

A subclass names its truths, draws its data and gives its benchmark cases; see `galaxy_shape.py`. How each kind of
evidence is measured stands in `components/evidence/`.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from components.evidence.benchmark import BenchmarkCase
from components.evidence.errors_over_bound import Array
from components.evidence.failure_maps import FailureAxis
from components.problems.base import Evaluation, Predict, Problem
from components.problems.gaussian_loss import gaussian_loss
from components.settings import EvaluateSettings

if TYPE_CHECKING:
    from components.datasets import Dataset
    from models.estimator import Estimator


_EVIDENCE = (
    "answers",
    "benchmark",
    "calibration",
    "consistency",
    "errors_over_bound",
    "failure_maps",
    "gathering",
    "observed",
    "reference",
    "timing",
    "trusted_region",
)


def evidence_sources() -> tuple[ModuleType, ...]:
    """The modules whose code decides what an evaluation comes to, whatever the problem."""
    # Not imported above: gathering draws, and matplotlib makes a folder when it is imported.
    return tuple(import_module(f"components.evidence.{name}") for name in _EVIDENCE)


class RegressionProblem(Problem):
    """A problem whose truths are numbers, each with a bound in the catalogue column `crb_<truth>`."""

    @abstractmethod
    def benchmark_cases(self, simulation: Any) -> list[BenchmarkCase]:
        """The objects that published results are compared at."""

    @abstractmethod
    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """Slices of the test split: name to (catalogue column, least value, largest value)."""

    @abstractmethod
    def failure_axes(self, simulation: Any, objects: int, seed: int) -> list[FailureAxis]:
        """Departures from what models are trained on; an axis named `snr` and one for each condition among them."""

    @abstractmethod
    def posterior(
        self, image: np.ndarray[Any, Any], conditions: Array, begin: Array, simulation: Any, *, seed: int
    ) -> tuple[Array, Array]:
        """Mean and sd of each truth under the exact likelihood and prior.

        Raises:
            AssayError: when the sampling is too poor to be used.
        """

    @abstractmethod
    def real_images(self, folder: Path, simulation: Any) -> tuple[np.ndarray[Any, Any], Array]:
        """Real objects as the simulated camera would see them without noise, and the conditions of each.

        Raises:
            AssayError: when the folder holds none.
        """

    @abstractmethod
    def fit_directly(self, images: np.ndarray[Any, Any], conditions: Array, simulation: Any) -> Array:
        """The truths of observed images by maximum likelihood, without any network."""

    @abstractmethod
    def posterior_sources(self) -> tuple[ModuleType, ...]:
        """The modules whose code decides what a posterior comes to."""

    def loss(
        self, estimator: "Estimator", image_bhw: Tensor, clean_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor
    ) -> Tensor:
        """See `gaussian_loss.py`."""
        return gaussian_loss(estimator, image_bhw, clean_bhw, conditions_bc, truth_bp)

    def evaluate(
        self,
        predict: Predict,
        dataset: "Dataset",
        settings: EvaluateSettings,
        simulation: Any,
        *,
        cache: Path,
        progress: Callable[[int], object],
    ) -> Evaluation:
        """Benchmark, prior, reference, calibration, failure maps, in-domain test and speed."""
        from components.evidence import gathering

        about = gathering.Gathering(
            problem=self, predict=predict, dataset=dataset, settings=settings, simulation=simulation, progress=progress
        )
        at_benchmark, report = gathering.at_benchmark(about)
        over_prior, answers = gathering.over_prior(about, cache)
        ordinary = about.split("validation", seed=101)
        threshold = gathering.in_domain_threshold(about, ordinary)
        limits, region = gathering.limits(about, threshold)
        parts = [at_benchmark, over_prior, limits, gathering.alarms_and_speed(about, answers, ordinary, threshold)]
        if settings.real_galaxies is not None:
            parts.append(gathering.real_objects(about, Path(settings.real_galaxies), threshold))
        whole = gathering.together(parts)
        return Evaluation(
            metrics=whole.metrics,
            losses=gathering.losses(about, answers),
            report=report,
            tables=whole.tables,
            trusted_region=region,
            plots=whole.plots,
        )
