"""`own-pictures`: discs and rings that lie in a folder; a problem that reads its images, for tests."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic.dataclasses import dataclass

from components.core import CHECKED, ProblemSettings
from components.evidence import MeasuredProblem, Measuring
from components.fields import Confirmation, Evaluation, normal, uniform
from components.simulators.folders import FolderProblem, FolderSettings
from models.fields import Field

__label__ = "own_pictures"

_NOISE = 0.05


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class OwnPicturesSettings(ProblemSettings):
    """The whole section."""

    simulate: FolderSettings


class OwnPictures(MeasuredProblem, FolderProblem):
    """Whether it is a disc or a ring."""

    name = "own-pictures"
    kind = "classes"
    settings: ClassVar[type[ProblemSettings]] = OwnPicturesSettings

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """The picture, and what is on it."""
        return (Field(name="picture", shape=(1, settings.height, settings.width)), *self.targets(settings))

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The noisy picture."""
        return (Field(name="image", shape=(settings.height, settings.width)),)

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """What is on it."""
        return (Field(name="class", dtype="int64", labels=("disc", "ring")),)

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """Noise on it; in training it is mirrored at random."""
        picture = stored["picture"][:, 0]
        if training:
            mirrored = uniform(seed_b, (1, 1), stream=1, device=picture.device) < 0.5
            picture = torch.where(mirrored, picture.flip(2), picture)
        noise = normal(seed_b, picture.shape[1:], stream=0, device=picture.device)
        return {"image": picture + _NOISE * noise}, {"class": stored["class"]}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """A plain network."""
        return {
            "kind": "classes", "network": settings.train.network, "width": settings.train.width,
            "size": settings.simulate.height, "unit": "", "noise": None, "scale": _NOISE, "conditions": [],
            "classes": ["disc", "ring"],
        }  # fmt: skip

    def gather(self, about: Measuring, *, cache: Path) -> Evaluation:
        """Accuracy, log score and Brier score."""
        from components.evidence.classes import gather_classes

        return gather_classes(about, noise=_NOISE)

    def gather_confirmation(self, about: Measuring) -> Confirmation:
        """The same losses."""
        from components.evidence.classes import confirm_classes

        return confirm_classes(about)
