"""A network first, physics last: an estimator with two answers, the image's own likelihood and a posterior behind it.

The network's mean is where a search for the maximum of the image's own likelihood starts (Le Cam's one-step estimator
of 1956, taken to the end), and the first-order bias of that maximum is taken off (Box 1971): that is the `likelihood`,
which knows no prior and claims to be unbiased; it says where it lies at an edge of what can be drawn, and whether its
search converged. The `posterior` comes from a small dense network, trained to say where the truth lies given the
maximum, the inverse Fisher matrix there and what the first network said.

    estimator = ScoringEstimator({**config, "scoring_steps": 50})

Shape suffixes: b batch, h height, w width, c conditions, p parameters, f features, o outputs.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.estimators.numbers.answer import Answer, Likelihood
from models.estimators.numbers.answer_fields import likelihood_arrays, likelihood_fields
from models.estimators.numbers.estimator import NumbersEstimator
from models.estimators.numbers.gaussian import Gaussian, vector_length
from models.fields import Arrays, Field
from models.galaxies import GalaxyDrawing, Scored

__label__ = "scoring_estimator"

_HIDDEN = 128
_FARTHEST = 8.0
"""Standard deviations; features beyond look the same to the dense network."""


class ScoringEstimator(NumbersEstimator):
    """An estimator with scoring steps.

    Args:
        config: as of `NumbersEstimator`, with scoring_steps: the most of one search, at least 1.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.steps = int(config["scoring_steps"])
        parameters = len(self.output_names)
        vector = vector_length(parameters)
        last = nn.Linear(_HIDDEN, vector)
        self.correction = nn.Sequential(
            nn.Linear(2 * parameters + vector + len(self.condition_names), _HIDDEN),
            nn.SiLU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.SiLU(),
            last,
        )
        # Untrained, it leaves what the first network said as it is.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The posterior, the likelihood, and which of them to quote."""
        return (*super().outputs, *likelihood_fields(self.config["outputs"]))

    def posterior(self, image_bhw: Tensor, conditions_bc: Tensor) -> Gaussian:
        """What is known of each image after the correction, on the standard scales."""
        return self.answers_and_densities(image_bhw, conditions_bc)[1]

    def answers_and_densities(self, image_bhw: Tensor, conditions_bc: Tensor) -> tuple[Answer, Gaussian, Gaussian]:
        """The answers, and on the standard scales what they and the network alone say is known."""
        vector_bo = self.vector(image_bhw, conditions_bc).answer_bo
        alone = self.read(vector_bo)
        network_bp = self.answer(alone, conditions_bc).mean_bp
        scored = self.scored(image_bhw, conditions_bc, network_bp)
        features_bf = self.features(scored.maximum_bp, scored.covariance_bpp, vector_bo, conditions_bc)
        gaussian = self.read(self.corrected(features_bf, vector_bo))
        misfit_b, snr_b = self._drawn.misfit_and_snr(scored.chi2_b, scored.norm_b, conditions_bc)
        found = Likelihood(scored.unbiased_bp, scored.covariance_bpp, scored.edge_b, scored.converged_b)
        answer = self.answer(gaussian, conditions_bc)._replace(
            network_bp=network_bp, misfit_b=misfit_b, snr_b=snr_b, likelihood=found
        )
        return answer, gaussian, alone

    def doubts(self, inputs: Arrays, outputs: Arrays, region: Mapping[str, Any]) -> list[list[str]]:
        """For each image the reasons not to trust its answer, among them a search that did not converge."""
        said = super().doubts(inputs, outputs, region)
        lost = f"the search for the best fit did not converge in {self.steps} steps"
        found = outputs["likelihood_converged"]
        return [lines if converged else [*lines, lost] for lines, converged in zip(said, found, strict=True)]

    def _outputs(self, answer: Answer) -> dict[str, Tensor]:
        assert answer.likelihood is not None
        return {**super()._outputs(answer), **likelihood_arrays(answer.likelihood, answer, self.output_names)}

    def scored(self, image_bhw: Tensor, conditions_bc: Tensor, start_bp: Tensor) -> Scored:
        """The maximum of each image's likelihood, what it is worth, and its value without first-order bias."""
        return self._drawn.score(image_bhw, start_bp, conditions_bc, self.steps)

    @property
    def _drawn(self) -> GalaxyDrawing:
        if self.drawing is None:
            raise ValueError("an estimator that cannot draw its answer cannot score it: set scoring_steps to 0")
        return self.drawing

    def features(self, value_bp: Tensor, covariance_bpp: Tensor, vector_bo: Tensor, conditions_bc: Tensor) -> Tensor:
        """What the correction goes by, shape (b, f): all on the standard scales."""
        bound_bp = covariance_bpp.diagonal(dim1=1, dim2=2).sqrt() / self.scales.spread(value_bp)
        standard_bp = self.standardise(value_bp, conditions_bc)
        parts = [standard_bp, bound_bp.log(), vector_bo, self.standardise_conditions(conditions_bc)]
        return torch.cat(parts, dim=1).clamp(-_FARTHEST, _FARTHEST)

    def corrected(self, features_bf: Tensor, vector_bo: Tensor) -> Tensor:
        """The network's vector after the correction."""
        corrected_bo: Tensor = vector_bo + self.correction(features_bf)
        return corrected_bo
