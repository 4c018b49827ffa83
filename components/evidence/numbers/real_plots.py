"""Picture of real objects: what other programs measure, against a model's answers; see `plots.py` for the rest."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.evidence.legends import legend_below
from components.evidence.numbers.plots import label

__label__ = None

_MARGIN = 0.06
"""Of a panel's range, beyond its outermost points."""


def plot_real(table: pd.DataFrame) -> Figure:
    """One row an answer, one panel a quantity: the program's value of the image against that of the answer drawn.

    A bar is the joint error. What disagrees is open, and what the in-domain test refuses a square; an answer that the
    program finds nothing of has no point.

    Args:
        table: as `independent.compare_with_tools` makes it.
    """
    answers, quantities = (list(table[name].unique()) for name in ("answer", "quantity"))
    width, height = 3.2 * len(quantities), 0.9 + 3.1 * len(answers)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(len(answers), len(quantities), squeeze=False)
    for axes, (answer, quantity) in zip(panels.flat, itertools.product(answers, quantities), strict=True):
        here = table[(table["answer"] == answer) & (table["quantity"] == quantity)]
        _plot_panel(axes, here.dropna(subset=["pull"]))
        if answer == answers[0]:
            axes.set_title(quantity)
        units = {of: str(here["unit"].iloc[0]) for of in (f"{answer} drawn", "image")}
        axes.set_xlabel(label(f"{answer} drawn", units))
        axes.set_ylabel(label("image", units))
    legend_below(figure, columns=4)
    figure.suptitle(_title(table))
    return figure


def _plot_panel(axes: Axes, rows: pd.DataFrame) -> None:
    for flagged, disagrees in itertools.product((False, True), (False, True)):
        part = rows[(rows["flagged"] == flagged) & (rows["disagrees"] == disagrees)]
        axes.errorbar(
            part["ours"],
            part["theirs"],
            np.hypot(part["ours_error"], part["theirs_error"]),
            fmt="s" if flagged else "o",
            color="black" if disagrees else "0.45",
            markerfacecolor="white" if disagrees else "0.45",
            markeredgewidth=1.3 if disagrees else 1.0,
            markersize=6 if disagrees else 4,
            linewidth=0.7,
            zorder=3 if disagrees else 2,
            label=f"{'disagrees' if disagrees else 'agrees'}{', refused by the in-domain test' if flagged else ''}",
        )
    if len(rows):
        ends = [min(rows["ours"].min(), rows["theirs"].min()), max(rows["ours"].max(), rows["theirs"].max())]
        margin = _MARGIN * (ends[1] - ends[0])
        axes.plot(ends, ends, color="black", linewidth=0.8, zorder=1)
        axes.set_xlim(ends[0] - margin, ends[1] + margin)


def _title(table: pd.DataFrame) -> str:
    images = table["image"].nunique()
    disagreeing = table[table["disagrees"]]
    said = " and ".join(
        f"the {answer} of {disagreeing.loc[disagreeing['answer'] == answer, 'image'].nunique()}"
        for answer in table["answer"].unique()
    )
    tools = " or ".join(table["tool"].unique())
    return f"Of {images} real objects {tools} contradicts {said}"
