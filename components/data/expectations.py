"""What must hold of a dataset, as expectations of Great Expectations over the tables of `components.data.statistics`.

`components/data/validation.py` runs them.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.core import SimulationSettings
from components.fields import SPLITS, Problem

if TYPE_CHECKING:
    import pandas as pd

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


def expectations(
    problem: Problem, settings: SimulationSettings, tables: "Mapping[str, pd.DataFrame]"
) -> list[tuple[str, Any]]:
    """What the tables of a sound dataset are like.

    Args:
        problem: says which columns there are and what their priors allow.
        settings: the `simulate` section that the dataset was asked for with.
        tables: by the name of their suite.

    Returns:
        Pairs of a suite's name and an expectation, the one that explains most first.
    """
    import great_expectations.expectations as gxe

    images, whole = f"{problem.name}.images", f"{problem.name}.dataset"
    ranges = problem.prior_ranges(settings)

    present = set(tables[images].columns)

    def between(suite: str, column: str, said: str, **limits: Any) -> None:
        # Between takes NaN for a pass, so it never comes without its companion.
        pairs.append((suite, gxe.ExpectColumnValuesToNotBeNull(column=column, description="not missing")))
        pairs.append((suite, gxe.ExpectColumnValuesToBeBetween(column=column, description=said, **limits)))

    pairs: list[tuple[str, Any]] = []
    count = settings.count
    between(whole, "rows", f"= {count}, the count in the settings", min_value=count, max_value=count)
    said = "as many stamps as catalogue rows"
    pairs.append((whole, gxe.ExpectColumnPairValuesToBeEqual(column_A="rows", column_B="stamps", description=said)))
    for split in SPLITS:
        between(whole, f"{split}_rows", "≥ 1", min_value=1)
    between(whole, "test_overlap", "= 0 test images in other splits", min_value=0, max_value=0)

    said = f"{count} rows, the count in the settings"
    pairs.append((images, gxe.ExpectTableRowCountToEqual(value=count, description=said)))
    between(images, "stamp_not_finite", "= 0, the share of NaN and infinite pixels", min_value=0, max_value=0)
    between(images, "stamp_max", "> 0", min_value=0, strict_min=True)
    pairs.append((images, gxe.ExpectColumnValuesToBeUnique(column="stamp_hash", description="no stamp twice")))
    pairs.append((images, gxe.ExpectColumnValuesToNotBeNull(column="split", description="not missing")))
    said = f"one of {', '.join(SPLITS)}"
    pairs.append((images, gxe.ExpectColumnValuesToBeInSet(column="split", value_set=list(SPLITS), description=said)))
    for column, (low, high) in ranges.items():
        between(images, column, f"within its prior, {low:g} to {high:g}", min_value=low, max_value=high)
    if {"snr", "sigma"} <= {*ranges, *present}:
        said = f"≤ {_SNR_TOLERANCE:g}, between the catalogue's SNR and the stamp's, relative"
        between(images, "stamp_snr_difference", said, min_value=0, max_value=_SNR_TOLERANCE)
    for column in sorted(name for name in present if name.startswith("crb_")):
        between(images, column, "> 0", min_value=0, strict_min=True)

    if (redrawn := f"{problem.name}.redrawn") in tables:
        said = f"≤ {_WORST_DIFFERENCE:g}, of the peak from another renderer"
        between(redrawn, "redrawn_difference", said, min_value=0, max_value=_WORST_DIFFERENCE)
        said = f"≤ {_MEDIAN_DIFFERENCE:g} in the median, of the peak from another renderer"
        median = gxe.ExpectColumnMedianToBeBetween(
            column="redrawn_difference", max_value=_MEDIAN_DIFFERENCE, description=said
        )
        pairs.append((redrawn, median))
        said = f"≤ {_WORST_CHI:g}, of the noise from another renderer"
        between(redrawn, "redrawn_chi", said, min_value=0, max_value=_WORST_CHI)

    least = min(_COVERAGE, 1 - 3 / math.sqrt(count))
    for column in problem.covered_columns():
        between(whole, f"coverage_{column}", f"≥ {least:.2f}, the share spanned of its prior", min_value=least)
    return pairs
