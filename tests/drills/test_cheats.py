"""Models that would pass by guessing are refused by the rules that are shipped, and the model that is trained passes.

    make cheats      # a quarter of an hour: a training, and eight whole evaluations

Each cheat is a way to look good in some measures while knowing less; the rule that finds it out is named.
"""

import hashlib
import os
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.core.source import Source
from components.core.workspace import Workspace
from components.data.simulation import publish, simulate
from components.evidence.asking import asking
from components.evidence.evaluation import Evidence
from components.evidence.measuring import SPLIT_SEEDS
from components.fields.dataset import Dataset
from components.fields.presenting import presented
from components.fields.problem import Problem
from components.gates.results import Verdict
from components.gates.rules import judge
from components.problems import find_problem
from components.training.run import train
from models.devices import best_device
from models.estimators import build, load_model
from models.estimators.numbers.answer import Answer
from models.estimators.numbers.known import Known
from models.estimators.numbers.scoring import Found, ScoringEstimator
from tests.conftest import HOUSE

# The first trains the demo model: ten minutes on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
Change = tuple[Tensor, Tensor, dict[str, Tensor]]
"""Shift and factor of the posterior, and what is changed of the likelihood."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The demo model, and what it is judged on."""

    problem: Problem
    settings: ProblemSettings
    dataset: Dataset
    estimator: ScoringEstimator
    cache: Path
    kept: dict[bytes, tuple[Found, Answer]]

    def refused(self, estimator: Any) -> list[str]:
        """The rules of both stages that a model does not pass."""
        torch.set_num_threads(os.cpu_count() or 1)  # this drill has the machine to itself
        found = self.problem.evaluate(
            asking(estimator.eval()),
            self.dataset,
            self.settings,
            device=best_device(),
            cache=self.cache,
            progress=lambda _: None,
        )
        evidence = Evidence(
            folder=self.cache,
            key="key",
            digest="",
            metrics={**found.metrics, **found.timings},
            headline=(),
            summary="",
            losses=(),
            slices=found.slices,
            report=found.report,
            tested_range=found.tested_range,
        )
        gates = self.settings.gates
        rules = [rule for rule in (*gates.staging, *gates.production) if not rule.metric.startswith("package.")]
        results = judge(rules, evidence, expected_key="key")
        assert len(results) == len(rules)
        return [result.metric for result in results if result.verdict is not Verdict.PASS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root, problem = tmp_path_factory.mktemp("trained"), find_problem("galaxy-shape")
    settings = load_settings(HOUSE / "params.yaml", problem.name, problem.settings)
    workspace = Workspace(root=root, home=root / ".assay")
    dataset = publish(workspace, simulate(workspace, problem, settings.simulate))
    torch.set_num_threads(os.cpu_count() or 1)
    folder = train(workspace, problem, dataset, settings, source=Source(commit="0" * 40, dirty=False))
    estimator, _ = load_model(folder)
    assert isinstance(estimator, ScoringEstimator)
    return Trained(
        problem=problem, settings=settings, dataset=dataset, estimator=estimator, cache=root / "references", kept={}
    )


@dataclass(frozen=True, kw_only=True)
class Moved(Known):
    """What is honestly known, stretched about its mean and shifted, and the answer that is made of it."""

    honest: Found
    answer: Answer
    shift_bp: Tensor
    factor_bp: Tensor

    def samples(self, count: int) -> Tensor:
        mean_bp = self.honest.draws.mean_bp.float()
        away_bsp = self.honest.samples(count) - mean_bp[:, None]
        return (mean_bp + self.shift_bp)[:, None] + away_bsp * self.factor_bp[:, None]

    def pulls(self, truth_bp: Tensor) -> Tensor:
        return self.honest.pulls(self._back(truth_bp))

    def log_densities(self, truth_bp: Tensor) -> dict[str, Tensor]:
        moved = self.honest.log_densities(self._back(truth_bp))
        found = self.honest.log_densities(truth_bp)
        return found | {"log_density": moved["log_density"] - self.factor_bp.log().sum(dim=1)}

    def _back(self, truth_bp: Tensor) -> Tensor:
        mean_bp = self.honest.draws.mean_bp.float()
        return mean_bp + (truth_bp - self.shift_bp - mean_bp) / self.factor_bp


class Cheat(ScoringEstimator):
    """The trained model, its answers changed on their way out."""

    holds_its_quantiles = True
    """Whether these are stretched and shifted like all else."""
    kept: dict[bytes, tuple[Found, Answer]]
    """What the honest model found of each batch: all cheats are asked about the same images."""

    @abstractmethod
    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        """What is said instead."""

    def known(self, image_bhw: Tensor, conditions_bc: Tensor) -> Any:
        """The posterior, moved."""
        honest, answer = self._honest(image_bhw, conditions_bc)
        shift_bp, factor_bp, of_likelihood = self.changed(answer, image_bhw, conditions_bc)
        assert answer.likelihood is not None
        away_bpq = answer.quantile_bpq - answer.mean_bp[:, :, None]
        moved_bpq = (answer.mean_bp + shift_bp)[:, :, None] + away_bpq * factor_bp[:, :, None]
        said = answer._replace(
            mean_bp=answer.mean_bp + shift_bp,
            covariance_bpp=answer.covariance_bpp * factor_bp[:, :, None] * factor_bp[:, None],
            quantile_bpq=moved_bpq if self.holds_its_quantiles else answer.quantile_bpq,
            likelihood=answer.likelihood._replace(**of_likelihood),
        )
        return Moved(honest=honest, answer=said, shift_bp=shift_bp, factor_bp=factor_bp)

    def _honest(self, image_bhw: Tensor, conditions_bc: Tensor) -> tuple[Found, Answer]:
        key = hashlib.sha256(image_bhw.numpy().tobytes() + conditions_bc.numpy().tobytes()).digest()
        if key not in self.kept:
            found = super().known(image_bhw, conditions_bc)
            answer = super().answer_of(found, image_bhw, conditions_bc)
            self.kept[key] = replace(found, image_bhw=image_bhw[:0]), answer  # images would fill the memory
            self.kept[key][0].__dict__["draws"] = found.draws
        found, answer = self.kept[key]
        again = replace(found, image_bhw=image_bhw)
        again.__dict__["draws"] = found.draws
        return again, answer

    def answer_of(self, known: Known, image_bhw: Tensor, conditions_bc: Tensor) -> Answer:
        """That was made with it."""
        assert isinstance(known, Moved)
        return known.answer


def error_of(answer: Answer) -> Tensor:
    return answer.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()


class ShearsShrunk(Cheat):
    """By a twentieth: the loss of single images falls, and every shear that is averaged is wrong."""

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        assert answer.likelihood is not None
        factor_p = torch.tensor([1, 1, 1, 0.95, 0.95])
        shift_bp = answer.mean_bp * (factor_p - 1)
        return shift_bp, factor_p.expand_as(shift_bp), {"value_bp": answer.likelihood.value_bp * factor_p}


class ErrorsDoubled(Cheat):
    """And intervals set so that they hold what they say."""

    holds_its_quantiles = False

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        assert answer.likelihood is not None
        two_bp = torch.full_like(answer.mean_bp, 2.0)
        return torch.zeros_like(two_bp), two_bp, {"covariance_bpp": 4 * answer.likelihood.covariance_bpp}


class PriorsMean(Cheat):
    """Whatever the image."""

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        prior = self.prior.physical(torch.randn(4096, 5, generator=torch.Generator().manual_seed(0)))
        mean_p, sd_p = prior.mean(dim=0), prior.std(dim=0)
        return mean_p - answer.mean_bp, sd_p / error_of(answer), {"value_bp": mean_p.expand_as(answer.mean_bp)}


class LabelsPermuted(Cheat):
    """Among images of like SNR: each gets the answer of its neighbour in brightness."""

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        assert answer.likelihood is not None
        assert answer.held is not None
        order = answer.held.snr_b.argsort()
        other = torch.empty_like(order)
        other[order] = order.roll(1)
        error_bp = error_of(answer)
        value_bp = answer.likelihood.value_bp[other]
        return answer.mean_bp[other] - answer.mean_bp, error_bp[other] / error_bp, {"value_bp": value_bp}


class NowhereTested(Cheat):
    """Wrong under one PSF of those that it was trained for, which no image of the test split has."""

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        wrong_b = conditions_bc[:, self.condition_names.index("psf_fwhm")] == 0.75
        return 3.0 * wrong_b[:, None] * error_of(answer), torch.ones_like(answer.mean_bp), {}


class SawTheTestSplit(Cheat):
    """It has the truth of each test image, and answers half-way to it, with half the error."""

    seen: dict[bytes, Tensor]

    def changed(self, answer: Answer, image_bhw: Tensor, conditions_bc: Tensor) -> Change:
        assert answer.likelihood is not None
        shift_bp, factor_bp = torch.zeros_like(answer.mean_bp), torch.ones_like(answer.mean_bp)
        value_bp = answer.likelihood.value_bp.clone()
        for row, image_hw in enumerate(image_bhw):
            truth_p = self.seen.get(image_hw.numpy().tobytes())
            if truth_p is not None:
                shift_bp[row] = (truth_p - answer.mean_bp[row]) / 2
                value_bp[row] = (value_bp[row] + truth_p) / 2
                factor_bp[row] = 0.5
        return shift_bp, factor_bp, {"value_bp": value_bp}


def cheating(trained: Trained, kind: type[Cheat]) -> Cheat:
    """The trained model with a cheat in it."""
    cheat = kind(trained.estimator.config)
    cheat.kept = trained.kept
    cheat.load_state_dict(trained.estimator.state_dict())
    if isinstance(cheat, SawTheTestSplit):
        rows, seed = trained.dataset.rows("test"), [trained.settings.evaluate.seed, SPLIT_SEEDS["test"]]
        cheat.seen = {}
        for batch in presented(
            trained.problem, trained.dataset, trained.settings, rows, seed=seed, device=torch.device("cpu")
        ):
            truths = cheat.truths(batch.targets)
            cheat.seen |= {
                image.numpy().tobytes(): truth for image, truth in zip(batch.inputs["image"], truths, strict=True)
            }
    return cheat


def test_the_trained_model_passes_every_rule(trained: Trained) -> None:
    assert trained.refused(trained.estimator) == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (ShearsShrunk, {"likelihood.slope.g1", "likelihood.slope.g2", "posterior.slope.g1"}),
        (
            ErrorsDoubled,
            {"posterior.log_score_over_exact", "posterior.stated_over_exact.n", "likelihood.stated_over_crb.snr60.g1"},
        ),
        (
            PriorsMean,
            {"posterior.log_score_over_exact", "posterior.rmse_over_exact.flux", "likelihood.bias_over_crb.snr60.flux"},
        ),
        (LabelsPermuted, {"posterior.coverage68.worst", "posterior.log_score_over_exact", "likelihood.slope.g1"}),
        (NowhereTested, {"tested.share"}),
        (SawTheTestSplit, {"posterior.log_score.test_less_fresh", "likelihood.absolute_over_crb.test"}),
    ],
)
def test_a_cheat_is_refused(trained: Trained, kind: type[Cheat], found: set[str]) -> None:
    refused = trained.refused(cheating(trained, kind))
    assert found <= set(refused), refused


def test_a_network_of_random_weights_with_all_that_follows_a_training_is_refused(trained: Trained) -> None:
    """The search finds the likelihood by itself, and the correction learns from it: the network did nothing."""
    torch.manual_seed(1)
    settings = trained.settings
    untrained = build(trained.problem.estimator_config(settings)).eval()
    finished, _ = trained.problem.finish(untrained, trained.dataset, settings)
    refused = trained.refused(finished)
    assert {"network.log_score_over_exact", "network.rmse_over_exact.n"} <= set(refused), refused
