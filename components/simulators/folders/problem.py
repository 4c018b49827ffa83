"""A problem whose images lie in a folder: what is asked of it about them is answered here.

    class Mine(FolderProblem):
        kind = "masks"

Where `simulate` names no folder, the problem draws its images itself.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from components.fields import DATASET, IMAGES, Checks, Dataset, Expectation, Problem, Shard
from components.simulators.folders.index import Kind, index_of
from components.simulators.folders.reading import GREY
from components.simulators.folders.settings import FolderSettings

__label__ = "folder_problem"

_MOST_SKIPPED = 0.1
"""Share of the files that may be left out because they cannot be read."""
_LEAST_OF_A_CLASS = 0.01
"""Share of the pictures, at least: of a rarer class nothing can be said."""


class FolderProblem(Problem):
    """Reads its images where `simulate` names a folder; the rest is the problem's own."""

    kind: ClassVar[Kind]
    """What belongs to each picture."""
    reading = GREY

    def simulated(self, settings: Any) -> bool:
        """Not where they are read."""
        return not isinstance(settings, FolderSettings)

    def counts(self, settings: Any) -> Mapping[str, int]:
        """As many as there are."""
        return (
            index_of(settings, self.kind).counts if isinstance(settings, FolderSettings) else super().counts(settings)
        )

    def material(self, settings: Any) -> Mapping[str, Any]:
        """Digest, licences and credits of the pictures, and which files were left out."""
        return index_of(settings, self.kind).material if isinstance(settings, FolderSettings) else {}

    def draw(self, settings: Any, split: str, rows: range) -> Shard:
        """Read them."""
        return index_of(settings, self.kind).shard(split, rows)

    def reference(self, settings: Any) -> Mapping[str, "np.ndarray[Any, Any]"]:
        """The first ones."""
        return dict(self.draw(settings, "train", range(2)).arrays)

    def checks(self, dataset: Dataset, settings: Any) -> Checks:  # noqa: ARG002
        """Few files left out, no class forgotten, and masks of 0 and 1."""
        read = dataset.manifest.get("material", {})
        skipped, pictures = len(read.get("skipped", ())), int(read.get("pictures", 0))
        measured = {"skipped_share": skipped / max(1, skipped + pictures)}
        expected = [_at_most(DATASET, "skipped_share", _MOST_SKIPPED, "of the files, which cannot be read")]
        if self.kind == "classes":
            shares = dataset.catalogue["class"].value_counts(normalize=True)
            measured["least_class_share"] = float(shares.min()) if len(shares) else 0.0
            said = f"≥ {_LEAST_OF_A_CLASS:g} of the pictures, for the rarest class"
            expected.append(Expectation(table=DATASET, column="least_class_share", said=said, low=_LEAST_OF_A_CLASS))
        images = {}
        if self.kind == "masks":
            images["mask_not_binary"] = _not_binary(dataset)
            expected.append(_at_most(IMAGES, "mask_not_binary", 0, "of the pixels of a mask, neither 0 nor 1"))
        return Checks(images=images, dataset=measured, expectations=tuple(expected))


def _at_most(table: str, column: str, most: float, of_what: str) -> Expectation:
    return Expectation(table=table, column=column, said=f"≤ {most:g} {of_what}", low=0, high=most)


def _not_binary(dataset: Dataset) -> Any:
    import pandas as pd

    shares = [((block != 0) & (block != 1)).reshape(len(block), -1).mean(axis=1) for block in dataset.blocks("mask")]
    return pd.Series(np.concatenate(shares) if shares else [], dtype=float)
