"""From a picture of a galaxy to the probability of each class, where a mirror exchanges some of them.

    estimator = MorphologyEstimator(config)
    outputs = estimator({"image": image_bhw})           # {"probabilities": (b, classes), "departure": (b, 5)}

P(S | picture) = P(Z | mirrored picture), exactly: logits are means of those of the picture and of its mirror image,
whose classes are exchanged. In training a network also says where the arms are of each class that has some, where that
is known: what it must find for that is what tells the classes (Caruana 1997). Shape suffixes: b batch, k classes, w
classes that are wound, s squares on a side.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.estimators.levelled_pictures import CHANNELS, LevelledEstimator
from models.estimators.probabilities import TOLERANCE, as_probability
from models.fields import Arrays, Field
from models.networks import find_network

__label__ = "morphology_estimator"

_OF_ARMS = 10.0
"""Weight of a square of an arm, beside 1 of the class."""


class MorphologyEstimator(LevelledEstimator):
    """A network with its units.

    Args:
        config: as of `LevelledEstimator`, and
            network, width: which of `models.networks`, how wide;
            classes: their names, two or more;
            mirrored: of each class the number of the one that its mirror image belongs to;
            cell: pixels on a side of the squares that trainings know of how much of them arms cover, or None.

    Raises:
        ValueError: when there are fewer classes, or a mirror does not lead back.
    """

    wound_w: Tensor
    """Numbers of the classes that a mirror makes others of."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.classes, self.mirrored = tuple(config["classes"]), [int(number) for number in config["mirrored"]]
        if len(self.classes) < 2:
            raise ValueError(f"classes = {list(self.classes)}: must be two or more")
        if [self.mirrored[number] for number in self.mirrored] != list(range(len(self.classes))):
            raise ValueError(f"mirrored = {self.mirrored}: mirrored twice, each class must be itself again")
        self._squares = self.size // int(config["cell"]) if config["cell"] else 0
        wound = [number for number, other in enumerate(self.mirrored) if other != number]
        self.register_buffer("wound_w", torch.tensor(wound, dtype=torch.int64), persistent=False)
        self.network = find_network(config["network"])(
            channels=CHANNELS,
            size=self.size,
            conditions=0,
            outputs=len(self.classes) + len(wound) * self._squares**2,
            width=int(config["width"]),
        )

    @property
    def outputs(self) -> tuple[Field, ...]:
        """The probability of each class, and how unlike others the picture is."""
        shape = (len(self.classes),)
        chances = Field(name="probabilities", shape=shape, labels=self.classes, limits=(0, 1), absolute=TOLERANCE)
        return (chances, self.departure_field)

    @property
    def targets(self) -> tuple[Field, ...]:
        """The number of the class."""
        return (Field(name="class", dtype="int64", labels=self.classes),)

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        """The answer to a batch: from `inputs` to `outputs`."""
        image_bhw = inputs["image"]
        here_bk, there_bk = (self._said(of)[0] for of in (image_bhw, image_bhw.flip(2)))
        chance_bk = as_probability(((here_bk + there_bk[:, self.mirrored]) / 2).softmax(dim=1))
        return {
            "probabilities": chance_bk / chance_bk.sum(dim=1, keepdim=True),
            "departure": self.departures(image_bhw),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropy of the target `class`, in nats, from one side alone; shape (b,).

        Where there is the target `arm_cover`, also that of the arms' squares of each wound class, times `_OF_ARMS`.
        """
        logits_bk, arms_bwss = self._said(inputs["image"])
        class_b = targets["class"]
        loss_b = functional.cross_entropy(logits_bk, class_b, reduction="none")
        if self._squares:
            true_bwss = targets["arm_cover"][:, None] * (class_b[:, None] == self.wound_w)[:, :, None, None]
            missed_bwss = functional.binary_cross_entropy_with_logits(arms_bwss, true_bwss, reduction="none")
            loss_b = loss_b + _OF_ARMS * missed_bwss.mean(dim=(1, 2, 3))
        return loss_b

    def _said(self, image_bhw: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the classes, and of the squares that arms cover, shape (b, w, s, s)."""
        channels_bchw = self.channels(image_bhw)
        answer_bo: Tensor = self.network(channels_bchw, channels_bchw[:, 0, 0, :0]).answer_bo
        logits_bk, arms_bo = answer_bo.tensor_split([len(self.classes)], dim=1)
        return logits_bk, arms_bo.reshape(len(image_bhw), len(self.wound_w), self._squares, self._squares)
