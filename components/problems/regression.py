"""What every regression problem shares: the loss, and the evidence gathered against the bound.

A subclass names its truths, draws its data and gives its benchmark cases; see `galaxy_shape.py`. How each kind of
evidence is measured stands in `components/evidence/`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.evidence import (
    answers,
    benchmark,
    calibration,
    consistency,
    errors_over_bound,
    failure_maps,
    plots,
    reference,
    timing,
    trusted_region,
)
from components.evidence.answers import Answers, ask
from components.evidence.benchmark import BenchmarkCase
from components.evidence.errors_over_bound import Array
from components.evidence.failure_maps import FailureAxis
from components.problems.base import Evaluation, Metric, Predict, Problem
from components.problems.gaussian_loss import gaussian_loss
from components.settings import EvaluateSettings

if TYPE_CHECKING:
    from components.datasets import Dataset
    from models.estimator import Estimator

_BATCH = 256
_FALSE_ALARMS = 0.01
"""Share of images like the training's that the in-domain test refuses."""
_CALIBRATED_SNR = (20.0, 100.0)
"""Where coverage is judged; the slices have the rest."""

EVIDENCE_MODULES: tuple[ModuleType, ...] = (
    answers,
    benchmark,
    calibration,
    consistency,
    errors_over_bound,
    failure_maps,
    reference,
    timing,
    trusted_region,
)
"""Their code decides what an evaluation comes to."""


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
        cases = self.benchmark_cases(simulation)
        at_cases = {
            case.name: self._ask_case(predict, case, simulation, settings, number, progress)
            for number, case in enumerate(cases)
        }
        metrics: dict[str, Metric] = {}
        for case in cases:
            metrics |= benchmark.benchmark_metrics(case, at_cases[case.name], self.truths, settings)

        images = _Images(self, dataset, "test", simulation, [settings.seed, len(cases)])
        test = ask(predict, images.batches(), truth=images.truth, bound=images.bound, progress=progress)
        metrics |= self._prior_metrics(test, images.table, settings)
        first = slice(0, settings.reference_images)
        posterior = reference.posterior_reference(
            self, images.observed[first], images.conditions[first], images.truth[first], simulation,
            seed=settings.seed, cache=cache,
        )  # fmt: skip
        metrics |= reference.reference_metrics(posterior, test.value[first], images.truth[first], self.truths, settings)
        bright = test.of(images.table["snr"].between(*_CALIBRATED_SNR).to_numpy())
        ranks = calibration.rank_table(bright, self.truths)

        ordinary = _Images(self, dataset, "validation", simulation, [settings.seed, len(cases) + 1])
        usual = ask(predict, ordinary.batches(), truth=ordinary.truth, bound=ordinary.bound, progress=progress)
        threshold = float(np.quantile(usual.misfit, 1 - _FALSE_ALARMS))
        metrics["false_alarms.test"] = errors_over_bound.interval(
            (test.misfit > threshold).astype(np.float64), np.mean, settings.bootstrap, settings.seed
        )
        axes = self.failure_axes(simulation, settings.failure_images, settings.seed)

        def observe(stamp_bhw: Tensor, conditions_bc: Tensor, generator: torch.Generator) -> Tensor:
            return self.observe(stamp_bhw, conditions_bc, generator, simulation)

        failures = failure_maps.failure_table(
            predict, axes, observe, self.truths, threshold=threshold, seed=settings.seed, progress=progress
        )
        region = trusted_region.trusted_region(
            failures, threshold=threshold, conditions={name: name for name in self.conditions}, snr="snr"
        )
        tables = {"failures": failures, "ranks": ranks, "reference": posterior}
        figures = {}
        if settings.real_galaxies is not None:
            stamps, conditions = self.real_images(Path(settings.real_galaxies), simulation)

            def fit(images: np.ndarray[Any, Any], conditions: Array) -> Array:
                return self.fit_directly(images, conditions, simulation)

            tables["real"] = consistency.consistency_table(
                predict, stamps, conditions, observe, fit, self.truths, threshold=threshold, seed=settings.seed
            )
            metrics |= consistency.consistency_metrics(tables["real"], settings)
            figures["real-galaxies"] = plots.plot_real(tables["real"], self.truths, self.units)
        metrics |= timing.time_per_image(predict, images.observed, images.conditions)

        table = images.table.copy()
        for i, truth in enumerate(self.truths):
            table[f"predicted_{truth}"], table[f"error_{truth}"] = test.value[:, i], test.error[:, i]
        comparison = benchmark.benchmark_table(cases, at_cases, self.truths)
        runs = region["axes"]
        return Evaluation(
            metrics=metrics,
            losses=np.abs(test.errors().miss / test.bound).mean(axis=1),
            predictions=table,
            report=benchmark.benchmark_report(cases, at_cases, self.truths, self.units),
            tables={"benchmark": comparison, **tables},
            trusted_region=region,
            plots={
                "benchmark": plots.plot_benchmark(comparison, self.truths),
                "error-over-the-prior": plots.plot_slices(metrics, self.slices(), self.truths, self.units),
                "error-over-the-posterior": plots.plot_reference(
                    metrics, self.truths, int(posterior.notna().all(axis=1).sum())
                ),
                "calibration": plots.plot_calibration(ranks, metrics, self.truths),
                "predicted-against-true": plots.plot_predicted_against_true(table, self.truths, self.units),
                **{
                    f"failure-{axis.name.replace('_', '-')}": plots.plot_failures(
                        failures[failures["axis"] == axis.name], runs[axis.name], self.truths
                    )
                    for axis in axes
                },
                **figures,
            },
        )

    def _ask_case(
        self, predict: Predict, case: BenchmarkCase, simulation: Any, settings: EvaluateSettings, number: int,
        progress: Callable[[int], object],
    ) -> Answers:  # fmt: skip
        generator = _generator([settings.seed, number])
        count = settings.realisations

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            for start in range(0, count, _BATCH):
                rows = min(_BATCH, count - start)
                stamp_bhw = torch.from_numpy(case.stamp).expand(rows, -1, -1)
                conditions_bc = torch.tensor(case.conditions).expand(rows, -1)
                yield self.observe(stamp_bhw, conditions_bc, generator, simulation), conditions_bc

        repeated = (np.broadcast_to(np.array(row), (count, len(row))) for row in (case.truth, case.bound))
        truth, bound = repeated
        return ask(predict, batches(), truth=truth, bound=bound, progress=progress)

    def _prior_metrics(self, test: Answers, table: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Metric]:
        """Errors over the bound and coverage, in the whole test split and in every slice."""
        chosen = {"test": np.ones(len(table), dtype=bool)}
        for name, (column, low, high) in self.slices().items():
            inside = table[column].between(low, high, inclusive="left").to_numpy()
            if inside.sum() >= 10:  # fewer say nothing
                chosen[name] = inside
        metrics: dict[str, Metric] = {}
        for name, rows in chosen.items():
            errors = test.errors().of(rows)
            for i, truth in enumerate(self.truths):
                for quantity, metric in errors.over_bound(i, settings.bootstrap, settings.seed).items():
                    metrics[f"{quantity}_over_crb.{name}.{truth}"] = metric
            metrics |= {
                key.replace(".", f".{name}.", 1): metric
                for key, metric in calibration.calibration_metrics(test.of(rows), self.truths, settings).items()
            }
        bright = test.of(table["snr"].between(*_CALIBRATED_SNR).to_numpy())
        metrics |= calibration.calibration_metrics(bright, self.truths, settings)
        losses = np.abs(test.errors().miss / test.bound).mean(axis=1)
        metrics["score.test"] = errors_over_bound.interval(losses, np.mean, settings.bootstrap, settings.seed)
        return metrics


class _Images:
    """One split of a dataset as a camera would have seen it, the same for every model."""

    def __init__(
        self, problem: RegressionProblem, dataset: "Dataset", split: str, simulation: Any, seed: list[int]
    ) -> None:
        rows = dataset.rows(split)
        self.table = dataset.catalogue.loc[rows].reset_index(drop=True)
        self.truth = self.table[list(problem.truths)].to_numpy(dtype=np.float64)
        self.bound = self.table[[f"crb_{name}" for name in problem.truths]].to_numpy(dtype=np.float64)
        self.conditions = dataset.columns(problem.conditions, rows)
        generator = _generator(seed)
        seen = [
            problem.observe(
                torch.from_numpy(dataset.stamps(part)),
                torch.from_numpy(dataset.columns(problem.conditions, part)),
                generator,
                simulation,
            ).numpy()
            for part in np.split(rows, range(_BATCH, len(rows), _BATCH))
        ]
        self.observed: np.ndarray[Any, Any] = np.concatenate(seen)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.observed), _BATCH):
            rows = slice(start, start + _BATCH)
            yield torch.from_numpy(self.observed[rows]), torch.from_numpy(self.conditions[rows])


def _generator(seed: list[int]) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
