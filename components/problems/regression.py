"""What every regression problem shares: the loss, and the evidence gathered against the bound.

A subclass names its truths, draws its data and gives its benchmark cases; see `galaxy_shape.py`.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from components.problems.base import Evaluation, Metric, Predict, Problem, Report
from components.problems.errors_over_bound import Errors, coverage, interval
from components.settings import EvaluateSettings

if TYPE_CHECKING:
    from components.datasets import Dataset
    from models.estimator import Estimator

Array = np.ndarray[Any, np.dtype[np.float64]]
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """A row of the literature: bias and sd of each truth at one benchmark case."""

    method: str
    bias: tuple[float, ...]
    sd: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class BenchmarkCase:
    """One fixed object, observed many times."""

    name: str
    """As in metric names, such as `snr60`."""
    label: str
    """As in tables, such as `SNR 60`."""
    stamp: np.ndarray[Any, Any]
    """Noise-free image, float32, shape (height, width)."""
    truth: tuple[float, ...]
    conditions: tuple[float, ...]
    bound: tuple[float, ...]
    published: tuple[PublishedResult, ...]


class RegressionProblem(Problem):
    """A problem whose truths are numbers, each with a bound in the catalogue column `crb_<truth>`."""

    @abstractmethod
    def benchmark_cases(self, simulation: Any) -> list[BenchmarkCase]:
        """The objects that published results are compared at."""

    @abstractmethod
    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """Slices of the test split: name to (catalogue column, least value, largest value)."""

    def loss(self, estimator: "Estimator", image_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor) -> Tensor:
        """Negative log-likelihood of the truth under the predicted Gaussian, summed over the parameters."""
        mean_bp, log_sd_bp = estimator.standard(image_bhw, conditions_bc)
        miss_bp = (estimator.standardise(truth_bp, conditions_bc) - mean_bp) * torch.exp(-log_sd_bp)
        return (0.5 * miss_bp**2 + log_sd_bp).sum(dim=1)

    def evaluate(
        self,
        predict: Predict,
        dataset: "Dataset",
        settings: EvaluateSettings,
        simulation: Any,
        progress: Callable[[int], object],
    ) -> Evaluation:
        """Bias, sd and RMSE over the bound at every benchmark case and over the test split."""
        from components.problems.regression_plots import plot_errors_by_snr, plot_predicted_against_true

        metrics: dict[str, Metric] = {}
        cases = self.benchmark_cases(simulation)
        errors_by_case: dict[str, Errors] = {}
        for number, case in enumerate(cases):
            repeat = np.broadcast_to(case.stamp, (settings.realisations, *case.stamp.shape))
            mean, sd = self._answers(
                predict, repeat, np.tile(case.conditions, (settings.realisations, 1)),
                simulation, [settings.seed, number], progress,
            )  # fmt: skip
            errors = Errors(miss=mean - case.truth, sd=sd, bound=np.broadcast_to(case.bound, mean.shape))
            errors_by_case[case.name] = errors
            metrics |= self._metrics(errors, case.name, settings)

        rows = dataset.rows("test")
        conditions = dataset.columns(self.conditions, rows)
        mean, sd = self._answers(
            predict, dataset.stamps(rows), conditions, simulation, [settings.seed, len(cases)], progress
        )
        table = dataset.catalogue.loc[rows].reset_index(drop=True)
        bound = table[[f"crb_{name}" for name in self.truths]].to_numpy(dtype=np.float64)
        test = Errors(miss=mean - table[list(self.truths)].to_numpy(dtype=np.float64), sd=sd, bound=bound)
        metrics |= self._metrics(test, "test", settings)
        for name, (column, low, high) in self.slices().items():
            chosen = table[column].between(low, high, inclusive="left").to_numpy()
            if chosen.sum() >= 10:  # fewer say nothing
                metrics |= self._metrics(test.of(chosen), name, settings)
        metrics |= {
            f"coverage68.{truth}": coverage(test.miss[:, i], test.sd[:, i], settings.bootstrap, settings.seed)
            for i, truth in enumerate(self.truths)
        }
        losses = np.abs(test.miss / test.bound).mean(axis=1)
        metrics["score.test"] = interval(losses, np.mean, settings.bootstrap, settings.seed)
        for i, truth in enumerate(self.truths):
            table[f"predicted_{truth}"], table[f"error_{truth}"] = mean[:, i], sd[:, i]
        return Evaluation(
            metrics=metrics,
            losses=losses,
            predictions=table,
            report=self._report(cases, errors_by_case),
            plots={
                "predicted-against-true": plot_predicted_against_true(table, self.truths, self.units),
                "error-against-snr": plot_errors_by_snr(table, self.truths, self.units),
            },
        )

    def _answers(
        self,
        predict: Predict,
        stamps: np.ndarray[Any, Any],
        conditions: np.ndarray[Any, Any],
        simulation: Any,
        seed: list[int],
        progress: Callable[[int], object],
    ) -> tuple[Array, Array]:
        """Mean and sd for each stamp under fresh noise, float64, shape (rows, truths) each."""
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        means, sds = [], []
        for start in range(0, len(stamps), _BATCH):
            stamp_bhw = torch.from_numpy(np.array(stamps[start : start + _BATCH], dtype=np.float32))
            conditions_bc = torch.from_numpy(np.array(conditions[start : start + _BATCH], dtype=np.float32))
            mean_bp, sd_bp = predict(self.observe(stamp_bhw, conditions_bc, generator, simulation), conditions_bc)
            means.append(mean_bp.double().numpy())
            sds.append(sd_bp.double().numpy())
            progress(len(stamp_bhw))
        return np.concatenate(means), np.concatenate(sds)

    def _metrics(self, errors: Errors, name: str, settings: EvaluateSettings) -> dict[str, Metric]:
        return {
            f"{quantity}_over_crb.{name}.{truth}": metric
            for i, truth in enumerate(self.truths)
            for quantity, metric in errors.over_bound(i, settings.bootstrap, settings.seed).items()
        }

    def _report(self, cases: list[BenchmarkCase], errors: Mapping[str, Errors]) -> Report:
        rows: list[tuple[str, ...]] = []
        for case in cases:
            rows += [
                (case.label, result.method, *(_cell(b, s) for b, s in zip(result.bias, result.sd, strict=True)))
                for result in case.published
            ]
            ours = errors[case.name].miss
            rows.append(
                (case.label, "this model", *(_cell(b, s) for b, s in zip(ours.mean(0), ours.std(0), strict=True)))
            )
            rows.append((case.label, "Cramér–Rao bound", *(f"± {bound:.3f}" for bound in case.bound)))
        units = [f"{name}\n[{self.units[name]}]" if self.units[name] else name for name in self.truths]
        return Report(title="bias ± sd at the benchmark", columns=("case", "method", *units), rows=tuple(rows))


def _cell(bias: float, sd: float) -> str:
    return f"{bias:+.3f} ± {sd:.3f}"
