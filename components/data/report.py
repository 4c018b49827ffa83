"""The report on a dataset, for a person: what must hold of it, what was found, and how its values are distributed.

    page = write_report(home, problem="galaxy-shape", dataset=dataset, tables=tables, findings=findings)

A page for each validation, and beside them an index of the newest; their names say what the index does, so that nothing
else is kept. Neither fetches anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import render_page, write_whole
from components.fields import Dataset

if TYPE_CHECKING:
    import pandas as pd

__label__ = None

_REPORTS = Path("gx", "reports")
_TEMPLATES = Path(__file__).parent / "templates"
_LISTED = 20
"""Reports that the index lists, the newest; the pages of older ones stay."""
_TIME = "%Y-%m-%dT%H-%M-%S.%fZ"
_BINS, _HEIGHT = 40, 24
_WIDE = 100
"""Largest over least of values that are spread over powers of ten, and shown so."""
_WORDS = 8
"""Different words of a column that are counted one by one."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An expectation, and what was found."""

    suite: str
    """Name of the suite, such as `galaxy-shape.images`."""
    column: str
    """The column it is about, or `table`."""
    expected: str
    """What should be the case."""
    observed: str
    """What was found: values, and in how many rows."""
    held: bool
    """Whether it is the case."""


def reports_folder(home: Path) -> Path:
    """The folder of all reports, with its index, in a state folder."""
    folder = home / _REPORTS
    write_whole(folder / "index.html", render_page(_TEMPLATES / "data_reports.html", reports=_newest(folder)))
    return folder


def write_report(
    home: Path,
    *,
    problem: str,
    dataset: Dataset,
    tables: "Mapping[str, pd.DataFrame]",
    findings: Sequence[Finding],
) -> Path:
    """Write the page of a validation, and the index anew.

    Args:
        home: the state folder.
        problem: whose dataset it is.
        dataset: what was examined.
        tables: what was measured of it, by suite.
        findings: what must hold, the most telling first.

    Returns:
        The page.
    """
    now, failed = datetime.now(UTC), [finding for finding in findings if not finding.held]
    verdict = "failed" if failed else "passed"
    page = home / _REPORTS / problem / f"{now.strftime(_TIME)}_{dataset.digest[:12]}_{verdict}.html"
    text = render_page(
        _TEMPLATES / "data_report.html",
        problem=problem,
        digest=dataset.digest,
        settings=dataset.manifest["settings"],
        time=f"{now:%Y-%m-%d %H:%M:%S} UTC",
        failed=failed,
        count=len(findings),
        parts=[
            (suite, len(table), _columns(table, [finding for finding in findings if finding.suite == suite]))
            for suite, table in tables.items()
        ],
    )
    write_whole(page, text)
    reports_folder(home)
    return page


def described(values: "pd.Series[Any]") -> str:
    """What the values of a column are, in a line."""
    found = values.dropna()
    if len(values) == 1 or not len(found):
        return ", ".join(_number(value) for value in values) or "nothing"
    if _is_numeric(values):
        low, middle, high = (_number(value) for value in (found.min(), found.median(), found.max()))
        return low if low == high else f"{low} to {high}, median {middle}"
    counts = found.value_counts()
    if len(counts) > _WORDS:
        return f"{len(counts):,} different values"
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _columns(table: "pd.DataFrame", findings: Sequence[Finding]) -> list[tuple[str, list[Finding], str]]:
    """Each column with what must hold of it and its histogram, in the order of the first finding of each."""
    order = {name: place for place, name in reversed(list(enumerate(finding.column for finding in findings)))}
    by_column = groupby(sorted(findings, key=lambda one: order[one.column]), key=lambda one: one.column)
    return [(name, list(found), _histogram(table[name]) if name in table else "") for name, found in by_column]


def _histogram(values: "pd.Series[Any]") -> str:
    """The outline of a histogram as the path of an SVG of `_BINS` × `_HEIGHT`; empty where there is nothing to see."""
    if not _is_numeric(values):
        return ""
    found = values.to_numpy(dtype=np.float64)
    found = found[np.isfinite(found)]
    if not len(found) or found.min() == found.max():
        return ""
    if found.min() > 0 and found.max() > _WIDE * found.min():
        found = np.log(found)
    counts, _ = np.histogram(found, bins=_BINS)
    heights = _HEIGHT * (1 - counts / counts.max())
    return (
        f"M0 {_HEIGHT}" + "".join(f"V{height:.1f}H{place + 1}" for place, height in enumerate(heights)) + f"V{_HEIGHT}Z"
    )


def _is_numeric(values: "pd.Series[Any]") -> bool:
    return values.dtype.kind in "iuf"


def _number(value: Any) -> str:
    return (
        f"{value:,}"
        if isinstance(value, int | np.integer)
        else f"{value:.4g}"
        if isinstance(value, float)
        else str(value)
    )


def _newest(folder: Path) -> list[tuple[str, str, str, str, str]]:
    """Address, problem, time, digest and verdict of the newest reports."""
    whole = (page for page in folder.glob("*/*_*_*.html") if not page.name.startswith("."))
    pages = sorted(whole, key=lambda page: page.name, reverse=True)[:_LISTED]
    listed = []
    for page in pages:
        time, digest, verdict = page.stem.split("_")
        when = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
        address = page.relative_to(folder).as_posix()
        listed.append((address, page.parent.name, f"{when:%Y-%m-%d %H:%M:%S} UTC", digest, verdict))
    return listed
