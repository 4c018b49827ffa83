"""From a picture of a galaxy to the probability of each class, where a mirror exchanges some of them.

    estimator = MorphologyEstimator(config)
    outputs = estimator({"image": image_bhw})           # {"probabilities": (b, classes), "departure": (b, 5)}

P(S | picture) = P(Z | mirrored picture), exactly: logits are means of those of the picture and of its mirror image,
whose classes are exchanged. Shape suffixes: b batch, k classes.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from models.estimators.levelled_pictures import CHANNELS, LevelledEstimator
from models.estimators.probabilities import TOLERANCE, as_probability
from models.fields import Arrays, Field
from models.networks import find_network

__label__ = "morphology_estimator"


class MorphologyEstimator(LevelledEstimator):
    """A network with its units.

    Args:
        config: as of `LevelledEstimator`, and
            network, width: which of `models.networks`, how wide;
            classes: their names, two or more;
            mirrored: of each class the number of the one that its mirror image belongs to.

    Raises:
        ValueError: when there are fewer classes, or a mirror does not lead back.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.classes, self.mirrored = tuple(config["classes"]), [int(number) for number in config["mirrored"]]
        if len(self.classes) < 2:
            raise ValueError(f"classes = {list(self.classes)}: must be two or more")
        if [self.mirrored[number] for number in self.mirrored] != list(range(len(self.classes))):
            raise ValueError(f"mirrored = {self.mirrored}: mirrored twice, each class must be itself again")
        self.network = find_network(config["network"])(
            channels=CHANNELS, size=self.size, conditions=0, outputs=len(self.classes), width=int(config["width"])
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
        there_bk = self._logits(image_bhw.flip(2))[:, self.mirrored]
        chance_bk = as_probability(((self._logits(image_bhw) + there_bk) / 2).softmax(dim=1))
        return {
            "probabilities": chance_bk / chance_bk.sum(dim=1, keepdim=True),
            "departure": self.departures(image_bhw),
        }

    def loss(self, inputs: Arrays, targets: Arrays) -> Tensor:
        """Cross entropy of the target `class`, in nats, from one side alone; shape (b,)."""
        return functional.cross_entropy(self._logits(inputs["image"]), targets["class"], reduction="none")

    def _logits(self, image_bhw: Tensor) -> Tensor:
        channels_bchw = self.channels(image_bhw)
        logits_bk: Tensor = self.network(channels_bchw, channels_bchw[:, 0, 0, :0]).answer_bo
        return logits_bk
