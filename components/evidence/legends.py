"""Legends of the pictures, outside of their panels: inside, some model's curves would be under them.

legend_below(figure, columns=3)
legend_above(axes, columns=2)                 # where each panel has its own
"""

from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__label__ = None


def legend_below(
    figure: Figure,
    *,
    columns: int,
    place: Literal["lower center", "outside lower center"] = "outside lower center",
) -> None:
    """One legend for all panels: that of the first.

    Args:
        figure: with the panels.
        columns: of the legend.
        place: `outside` where a layout engine is to make room for it.
    """
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc=place, ncols=columns, frameon=False)


def legend_above(axes: Axes, *, columns: int) -> None:
    """The legend of one panel.

    Args:
        axes: the panel.
        columns: of the legend.
    """
    axes.legend(
        frameon=False, fontsize=9, ncols=columns, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2
    )
