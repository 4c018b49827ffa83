"""What evidence against a bound asks of a problem whose truths are numbers; `gathering.py` does the asking."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.evidence.numbers.errors_over_bound import Array
from components.fields import BenchmarkCase, FailureAxis, Problem

__label__ = "regression"


class RegressionProblem(Problem):
    """A problem whose truths are numbers, each with a bound in the catalogue column `crb_<truth>`."""

    @abstractmethod
    def benchmark_cases(self, simulation: Any) -> list[BenchmarkCase]:
        """The objects that published results are compared at."""

    @abstractmethod
    def headline(self) -> tuple[str, ...]:
        """Names of the metrics that lists of versions show."""

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
