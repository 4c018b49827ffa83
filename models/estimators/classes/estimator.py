"""From an image to the probability of every class that it may belong to.

    estimator = ClassesEstimator(config)
    outputs = estimator({"image": image_bhw, "sigma": sigma_b})      # {"probabilities": (b, classes)}

The network's vector are the logits. Shape suffixes: b batch, k classes.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from models.estimators.channels import channel_count
from models.estimators.scaled_images import ImageInputEstimator
from models.fields import Arrays, Field
from models.networks import find_network

__label__ = "classes_estimator"

_LEAST = 1e-6
"""Least probability of a class, before all are made to add up to 1: a log score stays finite."""
TOLERANCE = 1e-3
"""How far a probability of the same model may be another on another processor."""


class ClassesEstimator(ImageInputEstimator):
    """A network with its units.

    Args:
        config: as of `ImageInputEstimator`, and
            network, width: which of `models.networks`, how wide;
            classes: their names, two or more.

    Raises:
        ValueError: when there are fewer classes.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.classes = tuple(config["classes"])
        if len(self.classes) < 2:
            raise ValueError(f"classes = {list(self.classes)}: must be two or more")
        self.network = find_network(config["network"])(
            channels=channel_count(counts=self.counts),
            size=self.size,
            conditions=len(self.condition_names),
            outputs=len(self.classes),
            width=int(config["width"]),
        )

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The probability of each class; they add up to 1."""
        shape = (len(self.classes),)
        chances = Field(name="probabilities", shape=shape, labels=self.classes, limits=(0, 1), absolute=TOLERANCE)
        return (chances, *self.familiar_fields())

    @property
    def targets(self) -> tuple[Field, ...]:
        """The number of the class."""
        return (Field(name="class", dtype="int64", labels=self.classes),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        probability_bk = self._logits(inputs).softmax(dim=1).clamp(_LEAST, 1 - _LEAST)
        probabilities_bk = probability_bk / probability_bk.sum(dim=1, keepdim=True)
        return {"probabilities": probabilities_bk, **self.familiar_arrays(inputs)}

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropy of the target `class`, the number of one of the classes, in nats; shape (b,)."""
        return functional.cross_entropy(self._logits(inputs), targets["class"], reduction="none")

    def _logits(self, inputs: Arrays) -> Tensor:
        logits_bk: Tensor = self.network(self.image_channels(inputs), self.conditions(inputs)).answer_bo
        return logits_bk
