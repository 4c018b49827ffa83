"""What must hold of simulated images whose prior, noise and bound are known.

    checks = simulated_checks(dataset, settings, ranges=prior, covered=("flux", "n"), redraw=draw_with_another_library)

Every image lies within the prior and has the SNR that the catalogue says and a bound above 0; the dataset fills the
prior; and a sample is what an independent implementation draws.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from components.core import SimulationSettings
from components.fields import DATASET, IMAGES, Checks, Dataset, Expectation

__label__ = None

_STAMP = "stamp"
"""The array that the images without noise are in."""
_REDRAWN = 20
"""Images drawn again: a fault in one of six is found 39 times in 40, and GalSim takes four seconds."""
_SNR_TOLERANCE = 1e-3
"""Largest relative difference between the catalogue's SNR and that of the stamp: float32 stays a thousand times below,
a wrong σ, flux or truncation lies far above."""
_COVERAGE = 0.95
"""Least share of its prior range that a covered column must span. Small datasets are allowed 3/√count less than all of
it: of the shears of 100 to 3,000 galaxies, whose prior is thin at its ends, fewer than 1 in 1,000 span less."""
_WORST_DIFFERENCE, _MEDIAN_DIFFERENCE = 5e-4, 3e-5
"""Largest |Δ| over the peak between the dataset and another renderer: twenty and four times what is measured for ours,
a tenth of what a PSF 1 % too wide comes to."""
_WORST_CHI = 0.2
"""The same over the noise of the whole image: a shift of an estimate by a fifth of its error at most."""

_REDRAWN_TABLE = "redrawn"


def simulated_checks(
    dataset: Dataset,
    settings: SimulationSettings,
    *,
    ranges: Mapping[str, tuple[float, float]],
    covered: Sequence[str],
    redraw: Callable[[pd.DataFrame], np.ndarray[Any, Any]],
) -> Checks:
    """The checks of one dataset; a damaged one gives values that do not meet them, not exceptions.

    Args:
        dataset: with the columns `sigma`, `snr` and `crb_<truth>`, and the array `stamp`.
        settings: the `simulate` section that it was asked for with.
        ranges: least and largest value that the prior allows, by catalogue column.
        covered: columns that must fill their whole range.
        redraw: stamps of catalogue rows by an independent implementation, float64.
    """
    catalogue = dataset.catalogue.reset_index(drop=True)
    of_prior = prior_checks(catalogue, settings, ranges=ranges, covered=covered)
    snr = _stamp_norm(dataset) / numbers(catalogue, "sigma")
    expected = [*of_prior.expectations]
    said = f"≤ {_SNR_TOLERANCE:g}, between the catalogue's SNR and the stamp's, relative"
    expected.append(Expectation(table=IMAGES, column="stamp_snr_difference", said=said, low=0, high=_SNR_TOLERANCE))
    expected.append(Expectation(table=IMAGES, column="stamp_max", said="> 0", low=0, strict=True))
    bounds = sorted(name for name in map(str, catalogue) if name.startswith("crb_"))
    expected += [Expectation(table=IMAGES, column=name, said="> 0", low=0, strict=True) for name in bounds]
    return Checks(
        images={"stamp_snr": snr, "stamp_snr_difference": (snr / numbers(catalogue, "snr") - 1).abs()},
        dataset=of_prior.dataset,
        tables={_REDRAWN_TABLE: _redrawn(dataset, settings, ranges, redraw)},
        expectations=(*expected, *_REDRAWN_EXPECTATIONS),
    )


def prior_checks(
    catalogue: pd.DataFrame,
    settings: SimulationSettings,
    *,
    ranges: Mapping[str, tuple[float, float]],
    covered: Sequence[str],
) -> Checks:
    """Every image lies within the prior, and all of them fill it; arguments as of `simulated_checks`."""
    least = min(_COVERAGE, 1 - 3 / math.sqrt(settings.count))
    within = [
        Expectation(table=IMAGES, column=column, said=f"within its prior, {low:g} to {high:g}", low=low, high=high)
        for column, (low, high) in ranges.items()
    ]
    filled = [
        Expectation(
            table=DATASET, column=f"coverage_{column}", said=f"≥ {least:.2f}, the share spanned of its prior", low=least
        )
        for column in covered
    ]
    return Checks(
        dataset={f"coverage_{column}": _coverage(numbers(catalogue, column), *ranges[column]) for column in covered},
        expectations=(*within, *filled),
    )


_REDRAWN_EXPECTATIONS = (
    Expectation(
        table=_REDRAWN_TABLE,
        column="redrawn_difference",
        said=f"≤ {_WORST_DIFFERENCE:g}, of the peak from another renderer",
        low=0,
        high=_WORST_DIFFERENCE,
    ),
    Expectation(
        table=_REDRAWN_TABLE,
        column="redrawn_difference",
        said=f"≤ {_MEDIAN_DIFFERENCE:g} in the median, of the peak from another renderer",
        high=_MEDIAN_DIFFERENCE,
        median=True,
    ),
    Expectation(
        table=_REDRAWN_TABLE,
        column="redrawn_chi",
        said=f"≤ {_WORST_CHI:g}, of the noise from another renderer",
        low=0,
        high=_WORST_CHI,
    ),
)


def _redrawn(
    dataset: Dataset,
    settings: SimulationSettings,
    ranges: Mapping[str, tuple[float, float]],
    redraw: Callable[[pd.DataFrame], np.ndarray[Any, Any]],
) -> pd.DataFrame:
    """A random sample of stamps beside what an independent implementation draws for the same catalogue rows.

    Rows that are missing or outside the prior are not drawn, and what is said of them is missing too.

    Returns:
        One row an image: `row` in the catalogue, `redrawn_difference` (largest |Δ| of a pixel over the redrawn peak)
        and `redrawn_chi` (√Σ Δ²/σ², what the difference comes to in the noise of the image).
    """
    count = min(len(dataset.catalogue), sum(map(len, dataset.shards.get(_STAMP, ()))))
    rows = np.sort(np.random.default_rng([settings.seed, 3]).permutation(count)[:_REDRAWN])
    sample = dataset.catalogue.loc[rows]
    sound = np.ones(len(rows), dtype=bool)
    for column, (low, high) in ranges.items():
        sound &= numbers(sample, column).between(low, high).to_numpy()
    table = pd.DataFrame({"row": rows, "redrawn_difference": np.nan, "redrawn_chi": np.nan})
    if not sound.any():
        return table
    redrawn = redraw(sample[sound])
    difference = np.abs(dataset.read((_STAMP,), rows[sound])[_STAMP].numpy() - redrawn)
    table.loc[sound, "redrawn_difference"] = difference.max(axis=(1, 2)) / redrawn.max(axis=(1, 2))
    chi = np.sqrt(np.square(difference).sum(axis=(1, 2))) / numbers(sample[sound], "sigma").to_numpy()
    table.loc[sound, "redrawn_chi"] = chi
    return table


def _stamp_norm(dataset: Dataset) -> "pd.Series[float]":
    """√Σ p² of every stamp, a block at a time, so that memory does not grow with the dataset."""
    norms = []
    for block in dataset.blocks(_STAMP) if _STAMP in dataset.shards else ():
        pixel_bn = block.reshape(len(block), -1).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is told of otherwise
            norms.append(np.sqrt(np.einsum("bn,bn->b", pixel_bn, pixel_bn)))
    return pd.Series(np.concatenate(norms) if norms else np.empty(0), dtype=float)


def numbers(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    """A column as floats; what is no number, or not there, is NaN."""
    if column not in table:
        return pd.Series(np.nan, index=table.index)
    return pd.to_numeric(table[column], errors="coerce").astype(float)


def _coverage(values: "pd.Series[float]", low: float, high: float) -> float:
    """The share of a range from the least to the largest value in it; 0 for a column that is absent or empty."""
    inside = values[(values >= low) & (values <= high)]
    if inside.empty:
        return 0.0
    return float((inside.max() - inside.min()) / (high - low)) if high > low else 1.0
