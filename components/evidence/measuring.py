"""Ask a model about a split and keep a few numbers of each image: what the rooms of images, masks and classes share.

    about = Measuring(problem=problem, answer=answer, dataset=dataset, settings=settings, …)
    numbers = about.measure(lambda batch, outputs: {"squared_error": …})       # {"squared_error": (images,)}
    metrics = about.metrics("rmse_over_noise", values, rms)                    # of the split and of every slice

Images are streamed; every model is shown them under the same noise. What is kept has one row an image.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import ProblemSettings
from components.evidence.intervals import Array, interval, too_few
from components.fields import ELSEWHERE, Answer, Batch, Dataset, Metric, Problem, presented

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__label__ = "measuring"

Slices = Mapping[str, tuple[str, float, float]]
"""Slices of a split: name to (catalogue column, least value, first value beyond it)."""
NO_SLICES: Slices = MappingProxyType({})

SPLIT_SEEDS = {"test": 100, "validation": 101, "confirmation": 102}
"""Second part of the seed of each split's noise, so that no two have the same."""


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """A model, and the images that it is measured on."""

    problem: Problem
    answer: Answer
    dataset: Dataset
    settings: ProblemSettings
    device: "torch.device"
    progress: Callable[[int], object]
    slices: Slices
    split: str = "test"
    told: bool = False
    """Whether the model is told the targets, to say what it gives to them (`Estimator.measured`)."""

    def measure(self, numbers: "Callable[[Batch, Mapping[str, Tensor]], Mapping[str, Tensor]]") -> dict[str, Array]:
        """Numbers of every image, by name, shape (images, …) each.

        Args:
            numbers: from a batch and the model's answer to it to numbers of each image, shape (b, …).
        """
        parts: list[dict[str, Array]] = []
        for batch in self.batches(self.rows):
            outputs = self.answer(batch.inputs, batch.targets) if self.told else self.answer(batch.inputs)
            found = numbers(batch, outputs)
            parts.append({name: array.double().cpu().numpy() for name, array in found.items()})
            self.progress(batch.count)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def examples(self, count: int) -> "tuple[Batch, dict[str, Tensor]]":
        """The first images and what the model makes of them, on the processor."""
        return self.shown(self.rows[:count])

    def shown(self, rows: np.ndarray[Any, Any]) -> "tuple[Batch, dict[str, Tensor]]":
        """The same of some rows of the dataset, of no more than are shown at once."""
        batch = next(iter(self.batches(rows)))
        outputs = self.answer(batch.inputs)
        inputs, targets = (
            {name: array.cpu() for name, array in arrays.items()} for arrays in (batch.inputs, batch.targets)
        )
        return Batch(inputs, targets), {name: array.cpu() for name, array in outputs.items()}

    @cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """Row numbers of the split's images."""
        return self.dataset.rows(self.split)

    @cached_property
    def slice_of(self) -> np.ndarray[Any, Any]:
        """The slice that each image is in, by name: the first that it lies in."""
        found = np.full(len(self.rows), ELSEWHERE, dtype=object)
        for name, (column, low, high) in self.slices.items():
            values = self.dataset.catalogue[column].to_numpy()[self.rows]
            found[(found == ELSEWHERE) & (low <= values) & (values < high)] = name
        return found

    def metric(self, values: Array, statistic: Callable[..., Any]) -> Metric:
        """A statistic of independent values with its interval, which holds the value itself."""
        return _around(interval(values, statistic, self.settings.evaluate.bootstrap, self.settings.evaluate.seed))

    def metrics(self, quantity: str, values: Array, statistic: Callable[..., Any]) -> dict[str, Metric]:
        """`<quantity>.test` and `<quantity>.<slice>`; a slice of too few images has a metric that says so."""
        chosen = {"test": np.ones(len(values), dtype=bool), **{name: self.slice_of == name for name in self.slices}}
        return {
            f"{quantity}.{name}": too_few(name, int(inside.sum())) or self.metric(values[inside], statistic)
            for name, inside in chosen.items()
        }

    def metric_of_means(self, values: Array, statistic: Callable[[Array], float]) -> Metric:
        """A statistic of the images' mean, with its 95 % bootstrap interval over images.

        Args:
            values: of each image, shape (images, …).
            statistic: from their mean, shape (…), to a number.
        """
        rng, count = np.random.default_rng(self.settings.evaluate.seed), len(values)
        found = []
        for _ in range(self.settings.evaluate.bootstrap):
            times = np.bincount(rng.integers(count, size=count), minlength=count) / count
            found.append(statistic(np.tensordot(times, values, axes=1)))
        low, high = np.quantile(found, [0.025, 0.975])
        return _around(Metric(value=float(statistic(values.mean(axis=0))), low=float(low), high=float(high)))

    def batches(self, rows: np.ndarray[Any, Any]) -> Iterator[Batch]:
        """Some rows of the dataset, under the noise of the split."""
        return presented(
            self.problem, self.dataset, self.settings, rows,
            seed=[self.settings.evaluate.seed, SPLIT_SEEDS[self.split]], device=self.device,
        )  # fmt: skip


def _around(metric: Metric) -> Metric:
    """The same with an interval that holds the value: percentiles of a skewed or biased statistic may leave it out."""
    return replace(metric, low=min(metric.low, metric.value), high=max(metric.high, metric.value))
