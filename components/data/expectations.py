"""What must hold of a dataset, as expectations of Great Expectations over its tables.

What holds of every dataset stands here, what a problem adds to it in `Problem.checks`; `validation.py` runs both.
"""

from collections.abc import Sequence
from typing import Any

from components.fields import DATASET, HELD_OUT, IMAGES, SPLITS, Expectation

__label__ = None


def expectations(count: int, arrays: Sequence[str], of_problem: Sequence[Expectation]) -> list[tuple[str, Any]]:
    """What the tables of a sound dataset are like.

    Args:
        count: images that were asked for.
        arrays: names of the dataset's arrays.
        of_problem: what its problem expects beside.

    Returns:
        Pairs of a table's name and an expectation, the one that explains most first.
    """
    import great_expectations.expectations as gxe

    pairs = _of(
        Expectation(table=DATASET, column="rows", said=f"= {count}, as many as there should be", low=count, high=count)
    )
    for name in arrays:
        said, columns = f"as many rows of {name} as of the catalogue", {"column_A": "rows", "column_B": f"{name}_rows"}
        pairs.append((DATASET, gxe.ExpectColumnPairValuesToBeEqual(**columns, description=said)))
    for split in SPLITS:
        pairs += _of(Expectation(table=DATASET, column=f"{split}_rows", said="≥ 1", low=1))
    for split in HELD_OUT:
        said = f"= 0 {split} images in other splits"
        pairs += _of(Expectation(table=DATASET, column=f"{split}_overlap", said=said, low=0, high=0))

    said = f"{count} rows, as many as there should be"
    pairs.append((IMAGES, gxe.ExpectTableRowCountToEqual(value=count, description=said)))
    for name in arrays:
        said = "= 0, the share of NaN and infinite values"
        pairs += _of(Expectation(table=IMAGES, column=f"{name}_not_finite", said=said, low=0, high=0))
    pairs.append((IMAGES, gxe.ExpectColumnValuesToBeUnique(column="stored_hash", description="no image twice")))
    pairs.append((IMAGES, gxe.ExpectColumnValuesToNotBeNull(column="split", description="not missing")))
    said = f"one of {', '.join(SPLITS)}"
    pairs.append((IMAGES, gxe.ExpectColumnValuesToBeInSet(column="split", value_set=list(SPLITS), description=said)))
    for expected in of_problem:
        pairs += _of(expected)
    return pairs


def _of(expected: Expectation) -> list[tuple[str, Any]]:
    """An expectation as Great Expectations has it: its Between takes NaN for a pass, so it never comes alone."""
    import great_expectations.expectations as gxe

    column, limits = expected.column, {"min_value": expected.low, "max_value": expected.high}
    if expected.median:
        return [(expected.table, gxe.ExpectColumnMedianToBeBetween(column=column, description=expected.said, **limits))]
    within = gxe.ExpectColumnValuesToBeBetween(
        column=column, description=expected.said, strict_min=expected.strict, **limits
    )
    return [
        (expected.table, gxe.ExpectColumnValuesToNotBeNull(column=column, description="not missing")),
        (expected.table, within),
    ]
