"""A network first, physics last: an estimator with two answers, the image's own likelihood and the posterior.

The network's mean is where a search for the maximum of the image's own likelihood starts (Le Cam's one-step estimator
of 1956, taken to the end), and the bias of that maximum is taken off: that is the `likelihood`, which knows no prior
and claims to be unbiased; it says where it lies at an edge of what can be drawn, and whether its search converged.

The `posterior` is that of the image's likelihood and the prior. A mixture says where it is likely to be
(`proposal.py`), and draws from that count by how likely they are (importance sampling, as by Dax et al. 2023, PRL 130,
171403): its density is likelihood times prior over their integral, which the draws give, so that it is exact but for
their number.

    estimator = ScoringEstimator({**config, "scoring_steps": 50})

Shape suffixes: b batch, h height, w width, c conditions, p parameters, s draws.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from models.estimators.numbers.answer import LEVELS, Answer, Likelihood
from models.estimators.numbers.answer_fields import likelihood_arrays, likelihood_fields
from models.estimators.numbers.estimator import NumbersEstimator
from models.estimators.numbers.known import Known, KnownByNetwork
from models.estimators.numbers.likelihood_bias import LikelihoodBias
from models.estimators.numbers.mixture import Mixture
from models.estimators.numbers.proposal import Features, Frame, Proposal, features, frame_of
from models.estimators.numbers.weighted_draws import WeightedDraws
from models.fields import Arrays, Field
from models.galaxies import GalaxyDrawing, GalaxyPrior, Scored

__label__ = "scoring_estimator"

DRAWS = 64
"""Of each posterior, 25 µs each; three of four count. With as many, means are off by a tenth of their error."""
_GROUPS = 4
"""Of images by SNR, whose intervals are set apart."""
_LEAST_EFFECTIVE = 6
"""Draws that must count: below, an answer is doubted."""


@dataclass(frozen=True, kw_only=True)
class Found(Known):
    """What was found of each image."""

    drawing: GalaxyDrawing
    image_bhw: Tensor
    conditions_bc: Tensor
    network: KnownByNetwork
    """What is known without a search."""
    start_bp: Tensor
    """The network's mean, where the search started."""
    scored: Scored
    frame: Frame
    given: Features
    """What the mixture goes by."""
    mixture: Mixture

    @property
    def snr_b(self) -> Tensor:
        """Of the maximum of the likelihood."""
        return self.drawing.snr(self.scored, self.conditions_bc)

    @cached_property
    def draws(self) -> WeightedDraws:
        """Of the posterior, as many as its answer rests on."""
        return self._drawn(DRAWS)

    def _drawn(self, count: int) -> WeightedDraws:
        inward_bsp = self.mixture.draws(count)
        place_bsp = self.frame.outward(inward_bsp)
        log_bs = self.drawing.weigh(self.image_bhw, place_bsp, self.conditions_bc, self.snr_b)
        return WeightedDraws(
            value_bsp=self.drawing.prior.physical(place_bsp),
            log_weight_bs=log_bs - self._mixture_log_density(inward_bsp),
        )

    def samples(self, count: int) -> Tensor:
        """By their weights some of the answer's own draws, or where more are wanted of twice as many."""
        draws = self.draws if count <= DRAWS else self._drawn(2 * count)
        return draws.samples(count).float()

    def pulls(self, truth_bp: Tensor) -> Tensor:
        """By rank."""
        return self.draws.normal_scores(truth_bp.double()).float()

    def log_densities(self, truth_bp: Tensor) -> dict[str, Tensor]:
        """Of the posterior, of the network, and of the mixture and the single Gaussian at the mode."""
        prior = self.drawing.prior
        place_bp = prior.standardise(truth_bp.double())
        stretch_b = prior.log_stretch(place_bp)
        inward_bsp = self.frame.inward(place_bp[:, None])
        log_b = self.drawing.weigh(self.image_bhw, place_bp[:, None], self.conditions_bc, self.snr_b)[:, 0]
        constant = 0.5 * truth_bp.shape[1] * math.log(2 * math.pi)
        gaussian_b = -0.5 * inward_bsp[:, 0].double().square().sum(dim=1) - constant - self.frame.log_volume_b
        return {
            "log_density": log_b - self.draws.log_evidence_b + stretch_b,
            "network_log_density": self.network.log_density(truth_bp),
            "mixture_log_density": self._mixture_log_density(inward_bsp)[:, 0] + stretch_b,
            "gaussian_log_density": gaussian_b + stretch_b,
        }

    def _mixture_log_density(self, inward_bsp: Tensor) -> Tensor:
        """On the prior's scale."""
        return self.mixture.log_density(inward_bsp).double() - self.frame.log_volume_b[:, None]


class ScoringEstimator(NumbersEstimator):
    """An estimator with scoring steps.

    Args:
        config: as of `NumbersEstimator`, with scoring_steps: the most of one search, at least 1.

    Raises:
        ValueError: where nothing can be drawn.
    """

    quantile_gpq: Tensor
    """Pulls of each of `LEVELS` in groups by the SNR found, in place of `quantile_pq`: where images say little, fewer
    draws count, and the outer ones are less certain."""
    log_snr_g: Tensor
    """The middle of each group."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.steps = int(config["scoring_steps"])
        if self.drawing is None:
            raise ValueError("an estimator that cannot draw its answer cannot score it: set scoring_steps to 0")
        self._drawn: GalaxyDrawing = self.drawing
        sizes = len(self.output_names), len(self.condition_names)
        self.register_buffer("quantile_gpq", self.quantile_pq.repeat(_GROUPS, 1, 1))
        self.register_buffer("log_snr_g", torch.arange(_GROUPS, dtype=torch.float32))
        self.proposal = Proposal(*sizes)
        self.bias = LikelihoodBias(*sizes)

    @property
    def prior(self) -> GalaxyPrior:
        """Of galaxies, in the units of an answer."""
        return self._drawn.prior

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The posterior, the likelihood, and which of them to quote."""
        return (*super().outputs, *likelihood_fields(self.config["outputs"]))

    def known(self, image_bhw: Tensor, conditions_bc: Tensor) -> "Found":
        """What is known of each image."""
        network = self.known_by_network(image_bhw, conditions_bc)
        start_bp = self.answer(network).mean_bp
        scored = self._drawn.score(image_bhw, start_bp, conditions_bc, self.steps)
        modes = self._drawn.modes(image_bhw, scored.maximum_bp, conditions_bc)
        frame = frame_of(modes.place_bp, modes.precision_bpp)
        snr_b = self._drawn.snr(scored, conditions_bc)
        given = features(frame, snr_b, self.standardise_conditions(conditions_bc))
        return Found(
            drawing=self._drawn,
            image_bhw=image_bhw,
            conditions_bc=conditions_bc,
            network=network,
            start_bp=start_bp,
            scored=scored,
            frame=frame,
            given=given,
            mixture=self.proposal(given),
        )

    def bias_at(self, maximum_bp: Tensor, covariance_bpp: Tensor, edge_b: Tensor, conditions_bc: Tensor) -> Tensor:
        """Of maxima of the likelihood, in physical units, shape (b, p)."""
        standard_bc = self.standardise_conditions(conditions_bc)
        bias_bp: Tensor = self.bias(maximum_bp, covariance_bpp, edge_b, standard_bc, self.noise(conditions_bc))
        return bias_bp

    def calibrate(self, pull_np: Tensor, snr_n: Tensor | None) -> None:
        """As of `NumbersEstimator`, in groups of equal size."""
        super().calibrate(pull_np, snr_n)
        assert snr_n is not None
        levels_q = torch.tensor(LEVELS, device=pull_np.device)
        for group, rows in enumerate(snr_n.argsort().tensor_split(_GROUPS)):
            self.log_snr_g[group] = snr_n[rows].log().median()
            self.quantile_gpq[group] = torch.quantile(pull_np[rows], levels_q, dim=0).T

    def quantiles_at(self, snr_b: Tensor) -> Tensor:
        """Pulls of each of `LEVELS`, straight between the groups in the logarithm of the SNR, shape (b, p, q)."""
        log_b = snr_b.clamp_min(1e-3).log()
        above_b = torch.searchsorted(self.log_snr_g, log_b).clamp(1, _GROUPS - 1)
        low_b, high_b = self.log_snr_g[above_b - 1], self.log_snr_g[above_b]
        share_b11 = ((log_b - low_b) / (high_b - low_b).clamp_min(1e-6)).clamp(0, 1)[:, None, None]
        below_bpq = self.quantile_gpq[above_b - 1]
        return below_bpq + share_b11 * (self.quantile_gpq[above_b] - below_bpq)

    def answer_of(self, known: Known, image_bhw: Tensor, conditions_bc: Tensor) -> Answer:
        """Both answers."""
        assert isinstance(known, Found)
        scored, draws = known.scored, known.draws
        held = self.held(scored.maximum_bp, image_bhw, conditions_bc)
        assert held is not None
        bias_bp = self.bias_at(scored.maximum_bp, scored.covariance_bpp, scored.edge_b, conditions_bc)
        # At an edge errors mean little, and what is learned in units of them neither: a value stays where galaxies are.
        width_p = self._drawn.widths(bias_bp)
        value_bp = scored.maximum_bp - bias_bp.clamp(-width_p, width_p)
        return Answer(
            mean_bp=draws.mean_bp.float(),
            covariance_bpp=draws.covariance_bpp.float(),
            quantile_bpq=draws.quantiles(torch.special.ndtr(self.quantiles_at(held.snr_b))).float(),
            network_bp=known.start_bp,
            held=held,
            likelihood=Likelihood(value_bp, scored.covariance_bpp, scored.edge_b, scored.converged_b),
            effective_b=draws.effective_b.float(),
        )

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:
        """For each image the reasons not to trust its answer, among them a search or draws that came to nothing."""
        said = super().doubts(inputs, outputs, region)
        found = zip(said, outputs["likelihood_converged"], outputs["posterior_effective"].tolist(), strict=True)
        return [[*lines, *self._own_doubts(bool(converged), effective)] for lines, converged, effective in found]

    def _own_doubts(self, converged: bool, effective: float) -> list[str]:
        said = []
        if not converged:
            said.append(f"the search for the best fit did not converge in {self.steps} steps")
        if effective < _LEAST_EFFECTIVE:
            said.append(f"the posterior rests on {effective:.1f} of {DRAWS} draws: no galaxy of the prior is like it")
        return said

    def _outputs(self, answer: Answer, image_bhw: Tensor) -> dict[str, Tensor]:
        assert answer.likelihood is not None
        return {
            **super()._outputs(answer, image_bhw),
            **likelihood_arrays(answer.likelihood, answer, self.output_names),
        }
