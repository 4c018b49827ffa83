"""A network first, physics last: an estimator whose answer is improved by Fisher scoring.

The network's mean starts a few scoring steps on the image itself (Le Cam's one-step estimator, 1956), and the
first-order bias of the maximum they reach is taken off (Box 1971): that is the value, which claims to be unbiased. Its
errors and intervals come from a small dense network, trained to say where the truth lies given the value, the inverse
Fisher matrix there and what the first network said.

    estimator = ScoringEstimator({**config, "scoring_steps": 2})

Shape suffixes: b batch, h height, w width, c conditions, p parameters, f features, o outputs.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.estimators.numbers.answer import Answer
from models.estimators.numbers.estimator import NumbersEstimator
from models.estimators.numbers.gaussian import Gaussian, vector_length

__label__ = "scoring_estimator"

_HIDDEN = 128
_FARTHEST = 8.0
"""Standard deviations; features beyond look the same to the dense network."""


class ScoringEstimator(NumbersEstimator):
    """An estimator with scoring steps.

    Args:
        config: as of `NumbersEstimator`, with scoring_steps: how many, at least 1.
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

    def answers(self, image_bhw: Tensor, conditions_bc: Tensor) -> Answer:
        """Values with covariances and quantiles; the values are the scored estimates."""
        gaussian, value_bp, unscored_bp = self._infer(image_bhw, conditions_bc)
        answer = self.answer(gaussian, conditions_bc, value_bp)
        return self.compared(answer._replace(unscored_bp=unscored_bp), image_bhw, conditions_bc)

    def posterior(self, image_bhw: Tensor, conditions_bc: Tensor) -> Gaussian:
        """What is known of each image after the correction, on the standard scales."""
        return self._infer(image_bhw, conditions_bc)[0]

    def _infer(self, image_bhw: Tensor, conditions_bc: Tensor) -> tuple[Gaussian, Tensor, Tensor]:
        vector_bo = self.vector(image_bhw, conditions_bc).answer_bo
        unscored_bp = self.answer(self.read(vector_bo), conditions_bc).value_bp
        value_bp, covariance_bpp = self.scored(image_bhw, conditions_bc, unscored_bp)
        features_bf = self.features(value_bp, covariance_bpp, vector_bo, conditions_bc)
        return self.read(self.corrected(features_bf, vector_bo)), value_bp, unscored_bp

    def scored(self, image_bhw: Tensor, conditions_bc: Tensor, start_bp: Tensor) -> tuple[Tensor, Tensor]:
        """Scored values without their first-order bias, and inverse Fisher matrices, shapes (b, p) and (b, p, p)."""
        if self.drawing is None:
            raise ValueError("an estimator that cannot draw its answer cannot score it: set scoring_steps to 0")
        estimate_bp, covariance_bpp = self.drawing.score(image_bhw, start_bp, conditions_bc, self.steps)
        return self.drawing.unbiased(estimate_bp, covariance_bpp, conditions_bc), covariance_bpp.float()

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
