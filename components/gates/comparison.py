"""Challenger against champion: better, not worse, worse, or nobody can say yet.

    comparison = compare(champion.losses, challenger.losses, margin=0.01, slice_margin=0.05, resamplings=1000, seed=7)
    comparison.standing, comparison.deciding

Both answered the same images under the same noise, so that losses are compared in pairs. There is one cell for each
parameter over all images and for each parameter in each slice; the intervals of all cells hold together with 95 %
probability (bootstrap of the largest studentised difference: Romano & Wolf 2005, section 4), so that many slices do
not make a difference out of noise.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from components.core import RefusedError
from components.fields import SLICE

ALL = "all"
_LEAST_IMAGES = 30
"""In a cell: the mean of fewer skewed losses is no Gaussian."""
_CONFIDENCE = 0.95

Array = np.ndarray[Any, np.dtype[np.float64]]


class Standing(StrEnum):
    """How a challenger stands to the champion; the first two may replace it."""

    BETTER = "better"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One parameter over some images: the challenger's mean loss less the champion's, relative to the champion's."""

    parameter: str
    slice: str
    images: int
    value: float
    low: float
    high: float
    """Ends of the interval that holds together with all others."""
    margin: float
    """How far above 0 the interval may reach for *not worse*."""

    @property
    def name(self) -> str:
        """As gates name it."""
        return f"{self.parameter}.{self.slice}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All cells, and what they come to."""

    cells: tuple[Cell, ...]

    @property
    def standing(self) -> Standing:
        """Worse in one cell is worse; not worse takes all cells; better takes one of all images beside that."""
        if any(cell.low > 0 and cell.high > cell.margin for cell in self.cells):
            return Standing.WORSE
        if any(cell.high > cell.margin for cell in self.cells):
            return Standing.INCONCLUSIVE
        if any(cell.high < 0 for cell in self.cells if cell.slice == ALL):
            return Standing.BETTER
        return Standing.NOT_WORSE

    @property
    def deciding(self) -> Cell:
        """The cell that the standing rests on: for *better* the best one, else the worst."""
        if self.standing is Standing.BETTER:
            return min((cell for cell in self.cells if cell.slice == ALL), key=lambda cell: cell.high)
        significant = [cell for cell in self.cells if cell.low > 0 and cell.high > cell.margin]
        return max(significant or self.cells, key=lambda cell: cell.high - cell.margin)

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"standing": self.standing.value, "cells": [asdict(cell) for cell in self.cells]}


def compare(
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    *,
    margin: float,
    slice_margin: float,
    resamplings: int,
    seed: int,
) -> Comparison:
    """Compare two models on the same images.

    Args:
        champion: losses in units of the bound, one row an image, one column a parameter, and `SLICE`.
        challenger: the same of the other model, in the same order.
        margin: relative excess of the loss over all images that still counts as not worse.
        slice_margin: the same within a slice, which has fewer images.
        resamplings: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        RefusedError: when the two cannot be compared: other images, no images, losses that are not finite.
    """
    parameters = [name for name in challenger.columns if name != SLICE]
    if len(challenger) == 0 or list(champion.columns) != list(challenger.columns) or len(champion) != len(challenger):
        raise RefusedError(
            f"{len(challenger)} losses of {len(parameters)} parameters cannot be compared with {len(champion)} "
            f"of {len(champion.columns) - 1}: evaluate both versions on today's dataset"
        )
    if not champion[SLICE].equals(challenger[SLICE]):
        raise RefusedError("the losses are not of the same images: evaluate both versions on today's dataset")
    ours, theirs = (losses[parameters].to_numpy(dtype=np.float64) for losses in (challenger, champion))
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise RefusedError("some losses are not finite: a model that answers with NaN cannot be compared")
    slices = {ALL: np.ones(len(ours), dtype=bool)}
    slices |= {str(name): (challenger[SLICE] == name).to_numpy() for name in sorted(challenger[SLICE].unique())}
    slices = {name: rows for name, rows in slices.items() if rows.sum() >= _LEAST_IMAGES}
    if ALL not in slices:
        raise RefusedError(f"{len(ours)} images are too few to compare two models: {_LEAST_IMAGES} are needed")
    value, low, high = _simultaneous(ours - theirs, theirs, list(slices.values()), resamplings, seed)
    if not all(np.isfinite(ends).all() for ends in (value, low, high)):
        raise RefusedError("the champion's losses are 0 in a slice, so that nothing is relative to them")
    return Comparison(
        cells=tuple(
            Cell(
                parameter=parameter,
                slice=name,
                images=int(rows.sum()),
                value=float(value[s, p]),
                low=float(low[s, p]),
                high=float(high[s, p]),
                margin=margin if name == ALL else slice_margin,
            )
            for s, (name, rows) in enumerate(slices.items())
            for p, parameter in enumerate(parameters)
        )
    )


def _simultaneous(
    difference: Array, champion: Array, slices: Sequence[np.ndarray[Any, Any]], resamplings: int, seed: int
) -> tuple[Array, Array, Array]:
    """Relative mean differences with simultaneous intervals, each of shape (slices, parameters)."""
    inside = np.stack(slices).astype(np.float64)  # (slices, images)
    scale = inside @ champion / inside.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    count = len(difference)

    def means(weights: np.ndarray[Any, Any]) -> Array:
        chosen = inside * weights
        relative: Array = (chosen @ difference) / np.maximum(chosen.sum(axis=1, keepdims=True), 1) / scale
        return relative

    value = means(np.ones(count))
    drawn = np.stack([means(rng.multinomial(count, np.full(count, 1 / count))) for _ in range(resamplings)])
    spread = drawn.std(axis=0)
    # A cell in which both are the same everywhere has no spread, and no difference either.
    studentised = np.abs(drawn - value) / np.where(spread > 0, spread, np.inf)
    reach = np.quantile(studentised.max(axis=(1, 2)), _CONFIDENCE) * spread
    return value, value - reach, value + reach
