"""How an evaluation asks a model."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from components.fields import Predict

if TYPE_CHECKING:
    from models.estimators import Answer, Estimator

__label__ = "asking"


def asking(estimator: "Estimator") -> Predict:
    """The estimator as a plain function, without gradients."""

    def predict(image_bhw: Tensor, conditions_bc: Tensor) -> "Answer":
        with torch.inference_mode():
            answer: Answer = estimator(image_bhw, conditions_bc)
        return answer

    return predict
