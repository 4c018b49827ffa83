"""What `spiral-morphology` and `spiral-arms` have in common: simulator or folder, and what must hold of a dataset."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from components.evidence import NO_SLICES, MeasuredProblem, Slices
from components.fields import IMAGES, Checks, Expectation, Shard, drawing_seeds
from components.problems.spirals.settings import SpiralProblemSettings
from components.simulators.folders import FolderProblem, FolderSettings
from components.simulators.spirals import CONDITIONS, SpiralSettings, arm_cover, draw_spirals
from models.fields import Field

if TYPE_CHECKING:
    from components.fields import Dataset

__label__ = "spiral_problem"

_INCLINED = (0.0, 0.5, 0.75, 1.0001)
"""Edges of slices of the test split, by axis ratio; the reference regime's galaxies are in none."""


class SpiralProblem(MeasuredProblem, FolderProblem):
    """Pictures of one galaxy each, drawn or in a folder."""

    settings = SpiralProblemSettings
    spirals_only: ClassVar[bool]
    """Whether all simulated galaxies are spirals."""

    def stored(self, settings: Any) -> tuple[Field, ...]:
        """Light and how it is to be seen, or a picture; and what is wanted of it."""
        side = (settings.height, settings.width) if isinstance(settings, FolderSettings) else (settings.size,) * 2
        if isinstance(settings, FolderSettings):
            return (Field(name="picture", shape=(1, *side)), *self.targets(settings))
        seen = (*(Field(name=name) for name in CONDITIONS), Field(name="reference", dtype="int64"))
        return (Field(name="light", shape=side), *seen, *self.targets(settings))

    def inputs(self, settings: Any) -> tuple[Field, ...]:
        """The picture, in any unit."""
        return (Field(name="image", shape=(side_of(settings),) * 2),)

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Read pictures, or draw galaxies."""
        if isinstance(settings, FolderSettings):
            return super().draw(settings, split, rows)
        columns, light_bhw, mask_bhw = draw_spirals(
            settings, drawing_seeds(settings, split, rows), spirals_only=self.spirals_only
        )
        wanted = {"arm_cover": arm_cover(mask_bhw)} if self.kind == "classes" else {"mask": mask_bhw}
        return Shard(columns=columns, arrays={"light": light_bhw, **wanted})

    def checks(self, dataset: "Dataset", settings: Any) -> Checks:
        """As of a folder; of simulated galaxies that there is light."""
        if isinstance(settings, FolderSettings):
            return super().checks(dataset, settings)
        light = Expectation(table=IMAGES, column="light_max", said="> 0", low=0, strict=True)
        low, high = min(settings.snr[0], settings.reference_snr[0]), max(settings.snr[1], settings.reference_snr[1])
        snr = Expectation(table=IMAGES, column="snr", said=f"{low:g} to {high:g}", low=low * 0.999, high=high * 1.001)
        return Checks(expectations=(light, snr))

    def slices(self, settings: SpiralProblemSettings) -> Slices:
        """Slices of the test split, by inclination where that is known."""
        if not isinstance(settings.simulate, SpiralSettings):
            return NO_SLICES
        return {f"axis_ratio_{low:g}_{high:.2g}": ("axis_ratio", low + 1e-9, high) for low, high in pairwise(_INCLINED)}


def side_of(settings: Any) -> int:
    """Pixels on a side of what a model is given."""
    return int(settings.height if isinstance(settings, FolderSettings) else settings.size)
