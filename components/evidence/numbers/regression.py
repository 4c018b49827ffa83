"""What evidence against a bound asks of a problem whose truths are numbers; `gathering.py` does the asking."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from components.core import AssayError
from components.evidence.failures import FailureAxis
from components.evidence.intervals import Array
from components.evidence.numbers.cases import BenchmarkCase, ExactPosterior
from components.evidence.numbers.tools import MeasuringTool
from components.evidence.numbers.yardsticks import BOUND, Yardstick
from components.fields import Metric, Problem

if TYPE_CHECKING:
    from components.evidence.numbers.answers import Answers

__label__ = "regression"


class RegressionQuestions(Problem):
    """What such a problem can be asked; none of the methods must be there."""

    truths: ClassVar[tuple[str, ...]]
    """The targets that models are to find, catalogue columns too."""
    conditions: ClassVar[tuple[str, ...]]
    """The numbers that are given to a model beside the image, catalogue columns too."""
    yardstick: ClassVar[Yardstick] = BOUND
    """What errors are measured in."""

    def measures(self, table: pd.DataFrame, simulation: Any) -> Array:  # noqa: ARG002
        """The yardstick of each image and truth, in the truths' units, shape (images, truths).

        Args:
            table: rows of a catalogue.
            simulation: the problem's settings.
        """
        return table[[f"crb_{name}" for name in self.truths]].to_numpy(dtype=np.float64)

    def headline(self) -> tuple[str, ...]:
        """Names of the metrics that lists of versions show."""
        key = self.yardstick.key
        scores = ("log_score.fresh", f"crps_over_{key}.fresh", "coverage68.worst", "coverage95.worst")
        return tuple(f"posterior.{of}" for of in (*scores, *(f"rmse_over_{key}.test.{name}" for name in self.truths)))

    def benchmark_cases(self, simulation: Any) -> list[BenchmarkCase]:  # noqa: ARG002
        """The objects that published results are compared at."""
        return []

    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """Slices of the test split: name to (catalogue column, least value, largest value)."""
        return {}

    def failure_axes(self, simulation: Any, objects: int, seed: int) -> list[FailureAxis]:  # noqa: ARG002
        """Departures from what models are trained on; an axis named `snr` and one for each condition among them."""
        return []

    def posterior(
        self,
        image: np.ndarray[Any, Any],  # noqa: ARG002
        conditions: Array,  # noqa: ARG002
        truth: Array,  # noqa: ARG002
        simulation: Any,  # noqa: ARG002
        *,
        row: int,  # noqa: ARG002
        draws: int,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> ExactPosterior:
        """What is known of the truths under the exact likelihood and prior.

        Args:
            image: as observed.
            conditions: it was taken under.
            truth: where sampling may begin.
            simulation: the problem's settings.
            row: of the test split, by which the image was drawn.
            draws: how many samples to give.
            seed: of the sampling.

        Raises:
            TooFewDrawsError: when the sampling of this image is too poor to be used.
            AssayError: when nobody can sample any.
        """
        raise AssayError(f"{self.name} has no exact posterior: set evaluate.reference_images to 0")

    def own_metrics(
        self,
        answers: "Answers",  # noqa: ARG002
        exact: pd.DataFrame | None,  # noqa: ARG002
        settings: Any,  # noqa: ARG002
    ) -> dict[str, Metric]:
        """What else literature about the problem measures; nothing by default.

        Args:
            answers: to the test split.
            exact: of its first images, as `reference.posterior_reference` makes it; None where there is none.
            settings: all of the problem's.
        """
        return {}

    def real_images(
        self,
        folder: Path,  # noqa: ARG002
        simulation: Any,  # noqa: ARG002
    ) -> Mapping[str, np.ndarray[Any, Any]]:
        """The stored fields of real objects: images without noise, the conditions of each, and truths that are NaN.

        Raises:
            AssayError: when the folder holds none, or the problem knows none.
        """
        raise AssayError(f"{self.name} knows no real images: set evaluate.real_galaxies to null")

    def tools(self, simulation: Any) -> Sequence[MeasuringTool]:  # noqa: ARG002
        """Programs that are not ours and measure such images; without any, nobody contradicts an answer to them."""
        return ()

    def draw_answers(
        self,
        values: Array,  # noqa: ARG002
        conditions: Array,  # noqa: ARG002
        simulation: Any,  # noqa: ARG002
    ) -> Array | None:
        """The images without noise of objects that have the truths' values; None where such numbers draw no image.

        Args:
            values: of the truths, shape (b, p); those that cannot be drawn stand for the nearest that can.
            conditions: to draw them under, shape (b, c).
            simulation: the problem's settings.
        """
        return None
