"""What a problem is measured at, beside its dataset: benchmark cases with published results, and failure axes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evidence.intervals import Array
from components.fields import Seeds

if TYPE_CHECKING:
    from models.fields import Arrays

__label__ = "cases"


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """A row of the literature: bias and sd of each truth at one benchmark case."""

    method: str
    bias: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def rmse(self) -> Array:
        """√(bias² + sd²) of each truth."""
        return np.hypot(self.bias, self.sd)


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """One fixed object, observed many times."""

    name: str
    """As in metric names, such as `snr60`."""
    label: str
    """As in tables, such as `SNR 60`."""
    stored: Mapping[str, np.ndarray[Any, Any]]
    """Its stored fields, one row, the truths among them."""
    bound: tuple[float, ...]
    published: tuple[PublishedResult, ...]

    @property
    def best_published(self) -> Array:
        """Least published RMSE of each truth."""
        best: Array = np.min([result.rmse for result in self.published], axis=0)
        return best


@dataclass(frozen=True, kw_only=True)
class ExactPosterior:
    """What is known of one image's truths by whoever knows likelihood and prior exactly."""

    mean: Array
    sd: Array
    """Shape (truths,), as the mean."""
    quantiles: Array
    """At `models.estimators.numbers.LEVELS`, shape (truths, levels)."""
    samples: Array
    """Draws, shape (samples, truths)."""
    log_density: float | None
    """ln of the joint density at the truth, in the truths' units; None where nobody can say."""
    steps_apart: int = 0
    """Where draws are a chain in its order, how many steps apart they are independent; 0: all are."""


Delivery = Callable[["Arrays", "Arrays", Seeds], "Arrays"]
"""From what a model would be given of some images, their stored fields and a seed for each of them to what it is given
of them: the same for the same seeds, in any batch."""


def as_taken(inputs: "Arrays", stored: "Arrays", seed_b: Seeds) -> "Arrays":  # noqa: ARG001
    """Images are given as they were taken."""
    return inputs


@dataclass(frozen=True, kw_only=True, eq=False)
class FailureImages:
    """The objects at one value of an axis, which may be the very same on another."""

    stored: Mapping[str, np.ndarray[Any, Any]]
    """The stored fields: images without noise as they truly are, conditions as the model is told."""
    bound: Array
    """Of the image as it truly is, shape (images, truths)."""
    delivery: Delivery = as_taken
    """What befalls images after their noise was drawn."""
    limit_power: Array | None = None
    """Share of the noise's realisations in which the best possible test of one image, with 1 % false alarms, finds the
    departure, shape (images,); None where nothing departs from what a model knows."""


@dataclass(frozen=True, kw_only=True)
class FailureAxis:
    """One assumption of the training, and departures from it."""

    name: str
    label: str
    """With its unit."""
    case: Callable[[float], str]
    """What a value is called in a sentence, such as `a neighbour 8 pixels away`."""
    values: tuple[float, ...]
    """Ascending."""
    trained: tuple[float, float]
    """The values that training images had."""
    draw: Callable[[float], FailureImages]
