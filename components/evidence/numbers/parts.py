"""What every part of the evidence needs, and what each gives."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import torch

from components.core import ProblemSettings, SimulationSettings
from components.evidence.failures import Delivery, as_taken, observed
from components.evidence.intervals import Array, interval
from components.evidence.measuring import SPLIT_SEEDS
from components.evidence.numbers.answers import Answers, ask
from components.evidence.numbers.observing import ObservedSplit
from components.evidence.numbers.settings import NumbersSettings
from components.fields import Answer, Batch, Dataset, FreshImages, Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from components.evidence.numbers.regression import RegressionQuestions

__label__ = "parts"


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """What every part needs."""

    problem: "RegressionQuestions"
    answer: Answer
    dataset: Dataset
    whole: ProblemSettings
    """All of the problem's settings."""
    device: torch.device
    progress: Callable[[int], object]

    @property
    def settings(self) -> NumbersSettings:
        """The `evaluate` section."""
        return cast(NumbersSettings, self.whole.evaluate)

    @property
    def simulation(self) -> SimulationSettings:
        """The `simulate` section."""
        return cast(SimulationSettings, self.whole.simulate)

    @property
    def units(self) -> dict[str, str]:
        """Of truths and conditions."""
        stated = (*self.problem.inputs(self.simulation), *self.problem.targets(self.simulation))
        return {field.name: field.unit for field in stated}

    def at(self, images: FreshImages) -> "Gathering":
        """The same about other images."""
        return replace(self, dataset=images.dataset, whole=images.settings)

    def mean(self, values: Array) -> Metric:
        """The mean of independent values, with its interval."""
        return interval(values, np.mean, self.settings.bootstrap, self.settings.seed)

    def split(self, name: str) -> ObservedSplit:
        """A split of the dataset under noise."""
        seed = [self.settings.seed, SPLIT_SEEDS[name]]
        return ObservedSplit(self.problem, self.dataset, name, self.whole, seed, self.device)

    def ask(self, batches: Iterable[Batch], *, truth: Array, bound: Array) -> Answers:
        """The model's answers."""
        return ask(self.answer, batches, self.problem.truths, truth=truth, bound=bound, progress=self.progress)

    def ask_split(self, split: ObservedSplit) -> Answers:
        """The model's answers to a split."""
        return self.ask(split.batches(), truth=split.truth, bound=split.bound)

    def observe(
        self,
        stored: Mapping[str, np.ndarray[Any, Any]],
        *seed: int,
        count: int | None = None,
        delivery: Delivery = as_taken,
    ) -> Iterator[Batch]:
        """Objects that no dataset holds, under noise; a single one `count` times."""
        return observed(
            self.problem,
            stored,
            self.whole,
            seed=[self.settings.seed, *seed],
            device=self.device,
            count=count,
            delivery=delivery,
        )


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the evidence."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    plots: "dict[str, Figure]" = field(default_factory=dict)


def together(parts: Sequence[Part]) -> Part:
    """All parts as one."""
    whole = Part()
    for part in parts:
        whole.metrics.update(part.metrics)
        whole.tables.update(part.tables)
        whole.plots.update(part.plots)
    return whole
