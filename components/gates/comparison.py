"""Challenger against champion: better, not worse, worse, or nobody can say yet.

    slices = champion.slices, challenger.slices
    comparison = compare(champion.losses, challenger.losses, slices, margins=margins, resamplings=1000, seed=7)
    comparison.standing, comparison.deciding

Both answered the same images under the same noise, so that losses are compared in pairs. There is one cell for each
loss over all images and for each loss in each slice; the intervals of all cells hold together with 95 %
probability (bootstrap of the largest studentised difference: Romano & Wolf 2005, section 4), so that many slices do
not make a difference out of noise.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from scipy import stats

from components.core import Margins, RefusedError
from components.fields import ELSEWHERE, Loss

ALL = "all"
_LEAST_IMAGES = 30
"""In a cell: the mean of fewer skewed losses is no Gaussian."""
_CONFIDENCE = 0.95
_FOUND = 0.8
"""Share of cases in which a difference is to be found that a comparison says it could have seen."""

Array = np.ndarray[Any, np.dtype[np.float64]]


class Standing(StrEnum):
    """How a challenger stands to the champion; the first two may replace it."""

    BETTER = "better"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Against:
    """Whom a challenger is compared with."""

    who: Literal["champion", "best"]
    """The version in production, or the best one that ever was."""
    version: int

    def __str__(self) -> str:
        """As messages name it."""
        if self.who == "champion":
            return f"production, version {self.version}"
        return f"version {self.version}, the best in production so far"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One loss over some images: the challenger's mean less the champion's, relative to the champion's or in nats."""

    loss: str
    slice: str
    images: int
    value: float
    low: float
    high: float
    """Ends of the interval that holds together with all others."""
    margin: float
    """How far above 0 the interval may reach for *not worse*."""
    seen: float
    """The power of the comparison: a difference of this size is found significant in four of five cases."""

    @property
    def name(self) -> str:
        """As gates name it."""
        return f"{self.loss}.{self.slice}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All cells, and what they come to."""

    cells: tuple[Cell, ...]

    @property
    def standing(self) -> Standing:
        """What all cells come to."""
        return _standing(self.cells)

    @property
    def deciding(self) -> Cell:
        """The cell that the standing rests on."""
        return _deciding(self.cells)

    @property
    def power(self) -> Cell:
        """The cell that says what the comparison could have seen."""
        return _power(self.cells)

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return {"standing": self.standing.value, "cells": [asdict(cell) for cell in self.cells]}


# These three are functions because mutmut leaves out what stands in a property (`make mutants`).
def _standing(cells: Sequence[Cell]) -> Standing:
    """Worse in one cell is worse; not worse takes all cells; better takes one of all images beside that."""
    if any(cell.low > 0 and cell.high > cell.margin for cell in cells):
        return Standing.WORSE
    if any(cell.high > cell.margin for cell in cells):
        return Standing.INCONCLUSIVE
    if any(cell.high < 0 for cell in cells if cell.slice == ALL):
        return Standing.BETTER
    return Standing.NOT_WORSE


def _deciding(cells: Sequence[Cell]) -> Cell:
    """For *better* the best cell of all images, else the worst."""
    if _standing(cells) is Standing.BETTER:
        return min((cell for cell in cells if cell.slice == ALL), key=lambda cell: cell.high)
    significant = [cell for cell in cells if cell.low > 0 and cell.high > cell.margin]
    return max(significant or cells, key=lambda cell: cell.high - cell.margin)


def _power(cells: Sequence[Cell]) -> Cell:
    """Over all images, the cell in which a difference must be largest to be seen, in units of its margin."""
    return max((cell for cell in cells if cell.slice == ALL), key=lambda cell: cell.seen / (cell.margin or 1))


def compare(
    champion: Sequence[Loss],
    challenger: Sequence[Loss],
    slices: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    *,
    margins: Margins,
    resamplings: int,
    seed: int,
) -> Comparison:
    """Compare two models on the same images.

    Args:
        champion: its losses, one value an image.
        challenger: the same of the other model, in the same order.
        slices: the slice of each image, by the champion's and by the challenger's evidence.
        margins: how much worse still counts as not worse.
        resamplings: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        RefusedError: when the two cannot be compared: other images, no images, losses that are not finite.
    """
    again = "evaluate both versions on today's dataset"
    named = [[(loss.name, loss.scale, loss.floor) for loss in losses] for losses in (champion, challenger)]
    if not champion or named[0] != named[1]:
        raise RefusedError(f"losses {named[1]} (name, scale, floor) cannot be compared with {named[0]}: {again}")
    count, others = (len(of) for of in slices)
    if not others or count != others:
        raise RefusedError(
            f"{others} images with {len(challenger)} losses cannot be compared with {count} with "
            f"{len(champion)}: {again}"
        )
    for loss in (*champion, *challenger):
        if len(loss.values) != count:
            raise RefusedError(f"loss {loss.name} has {len(loss.values)} values for {count} images: {again}")
    if ALL in slices[1]:
        raise RefusedError(f"a slice is called {ALL}, as the whole is: give it another name")
    if not np.array_equal(*slices):
        raise RefusedError(f"the losses are not of the same images: {again}")
    ours, theirs = (np.stack([loss.values for loss in losses], axis=1) for losses in (challenger, champion))
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise RefusedError("some losses are not finite: a model that answers with NaN cannot be compared")
    inside = {ALL: np.ones(len(ours), dtype=bool)}
    inside |= {str(name): slices[1] == name for name in sorted(set(slices[1]) - {ELSEWHERE})}
    for name, rows in inside.items():
        if rows.sum() < _LEAST_IMAGES:
            what = name if name == ALL else f"slice {name}"
            raise RefusedError(
                f"{what} has {rows.sum()} images, too few to compare two models: {_LEAST_IMAGES} are needed: draw "
                "more (gates.fresh_images), or where images are read give more of them to confirmation_fraction"
            )
    value, low, high, seen = _simultaneous(
        ours - theirs, _scales(champion, theirs, list(inside.values())), list(inside.values()), resamplings, seed
    )
    if not all(np.isfinite(ends).all() for ends in (value, low, high)):
        raise RefusedError("the champion's losses are 0 in a slice, so that nothing is relative to them")
    return Comparison(
        cells=tuple(
            Cell(
                loss=loss.name,
                slice=name,
                images=int(rows.sum()),
                value=float(value[s, p]),
                low=float(low[s, p]),
                high=float(high[s, p]),
                margin=margins.of(loss.scale, whole=name == ALL),
                seen=float(seen[s, p]),
            )
            for s, (name, rows) in enumerate(inside.items())
            for p, loss in enumerate(challenger)
        )
    )


def _scales(champion: Sequence[Loss], values: Array, slices: Sequence[np.ndarray[Any, Any]]) -> Array:
    """What differences are divided by: a champion's mean or the loss's floor, 1 for nats; shape (slices, losses)."""
    means = np.stack([values[rows].mean(axis=0) for rows in slices])
    floored = np.maximum(means, [loss.floor for loss in champion])
    scales: Array = np.where([loss.scale == "relative" for loss in champion], floored, 1.0)
    return scales


def _simultaneous(
    difference: Array, scale: Array, slices: Sequence[np.ndarray[Any, Any]], resamplings: int, seed: int
) -> tuple[Array, Array, Array, Array]:
    """Mean differences over their scales with simultaneous intervals, and their power, each of shape (slices, losses).

    A difference of the interval's half-width is found in half of all cases; of `_FOUND` it must be larger by as many
    standard deviations as that share of a Gaussian lies below.
    """
    inside = np.stack(slices).astype(np.float64)  # (slices, images)
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
    return value, value - reach, value + reach, reach + stats.norm.ppf(_FOUND) * spread
