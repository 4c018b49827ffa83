"""What every part of the evidence needs, and what each gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from components.evidence.numbers.answers import Answers, ask
from components.evidence.numbers.observed import ObservedSplit
from components.evidence.numbers.settings import NumbersSettings
from components.fields import Dataset, Metric, Predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from components.evidence.numbers.regression import RegressionProblem

__label__ = "parts"


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """What every part needs."""

    problem: "RegressionProblem"
    predict: Predict
    dataset: Dataset
    settings: NumbersSettings
    simulation: Any
    progress: Callable[[int], object]

    def split(self, name: str, seed: int) -> ObservedSplit:
        """A split of the dataset under noise."""
        return ObservedSplit(self.problem, self.dataset, name, self.simulation, [self.settings.seed, seed])

    def ask(self, split: ObservedSplit) -> Answers:
        """The model's answers to a split."""
        return ask(self.predict, split.batches(), truth=split.truth, bound=split.bound, progress=self.progress)

    def observe(self, stamp_bhw: Tensor, conditions_bc: Tensor, generator: torch.Generator) -> Tensor:
        """Images under noise."""
        return self.problem.observe(stamp_bhw, conditions_bc, generator, self.simulation)


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
