"""How an evaluation asks a model."""

from typing import TYPE_CHECKING

import torch

from components.core import AssayError
from components.fields import Answer
from models.fields import check_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from models.estimators import Estimator
    from models.fields import Arrays

__label__ = "asking"


def asking(estimator: "Estimator") -> Answer:
    """The estimator as a plain function, without gradients; what it answers is what its fields say, or refused."""

    def answer(inputs: "Arrays", targets: "Arrays | None" = None) -> "dict[str, Tensor]":
        with torch.inference_mode():
            measured = estimator.measured(inputs, targets)
        outputs = {field.name: measured[field.name] for field in estimator.outputs if field.name in measured}
        try:
            check_arrays(outputs, estimator.outputs, "the model's answer")
        except ValueError as error:
            raise AssayError(str(error), "see the estimator's `outputs`") from error
        return measured

    return answer
