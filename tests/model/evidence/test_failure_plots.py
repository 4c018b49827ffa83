"""Pictures of failure maps: the same y-axes in every one, nothing lost beyond them, and a title made of the numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from components.evidence.numbers.card_tables import refused_table
from components.evidence.numbers.failure_messages import failure_message
from components.evidence.numbers.limit_plots import plot_failures
from components.evidence.numbers.yardsticks import BOUND
from tests.figures import unreadable

VALUES = (-0.1, -0.05, 0.0, 0.05, 0.1)


def failures(*, worst: float = 1.0, alarm: float = 0.02, limit: float = 0.52, **changed: Any) -> pd.DataFrame:
    """One axis of one truth, trained at 0, whose bias is `worst` at 0.05 and five times that at 0.1."""
    bias = np.array([0, 0, 0, worst, 5 * worst])
    of_each = {
        "value": VALUES,
        "case": [f"a sky of {value:+g} σ" for value in VALUES],
        "bias": bias,
        "rmse": np.hypot(bias, 1.0),
        "coverage68": 0.68,
        **{f"{name}_error": 0.1 for name in ("bias", "rmse", "coverage68")},
        "alarm": alarm,
        "limit_power": limit,
        "trained": [value == 0 for value in VALUES],
    }
    whole = {"axis": "sky", "label": "sky [σ]", "truth": "flux", **of_each, **changed}
    return pd.concat([pd.DataFrame({**whole, "answer": answer}) for answer in ("posterior", "likelihood")])


def arrows(axes: Axes) -> list[float]:
    """The values that stand at the upper edge since they lie beyond it."""
    return [float(x) for line in axes.lines if line.get_marker() == "^" for x in np.asarray(line.get_xdata())]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"worst": 1.9},
            "A sky of +0.05 σ biases the posterior's flux by +1.9 bounds; 2 % of such images are doubted, "
            "and no test could find more than 52 %.",
        ),
        ({"worst": -1.9, "limit": 1.0}, "flux by −1.9 bounds; 2 % of such images are doubted, and the best possible"),
        ({"limit": np.nan}, "+1.0 bounds; 2 % of such images are doubted."),
        ({"limit": 0.011}, "no test could find more than chance does."),
        ({"bias": 0.0, "rmse": [1, 1, 1, 2.5, 3]}, "makes the posterior's RMSE of flux 2.5 bounds"),
        ({"bias": np.nan, "rmse": np.nan}, "leaves the posterior without a number for flux"),
        ({"worst": 0.0, "coverage68": [0.68, 0.68, 0.68, 0.4, 0.3]}, "coverage of flux from 68 to 40 %;"),
    ],
)
def test_title_says_what_the_least_departure_does_that_is_not_reliable(changed: dict[str, Any], said: str) -> None:
    message = failure_message(failures(**changed), (-0.1, 0.0), BOUND)
    assert said in message.replace("\N{NO-BREAK SPACE}", " ")


def test_title_says_so_where_all_is_reliable_or_nothing() -> None:
    most = "Reliable at every value: the posterior's largest RMSE is 1.12 bounds, of flux at a sky of +0.1 σ."
    assert failure_message(failures(worst=0.1), (-0.1, 0.1), BOUND) == most
    assert failure_message(failures(), None, BOUND).startswith("Not reliable where it was trained: a sky of +0 σ")


def test_every_map_has_the_same_y_axes_and_shows_what_lies_beyond() -> None:
    small, large = (plot_failures(failures(worst=worst), (-0.05, 0.0), ["flux"], BOUND) for worst in (0.01, 40.0))
    for one, other in zip(small.axes, large.axes, strict=True):
        assert (one.get_ylim(), one.get_yscale()) == (other.get_ylim(), other.get_yscale())
    assert arrows(large.axes[0]) == [0.05, 0.1]
    assert arrows(small.axes[0]) == []


def test_every_point_has_its_error() -> None:
    (bias, *_) = plot_failures(failures(worst=0.2), None, ["flux"], BOUND).axes
    (drawn,) = bias.containers
    assert isinstance(drawn, ErrorbarContainer)
    (bars,) = drawn.lines[2]
    assert [float(np.ptp(np.asarray(bar)[:, 1])) for bar in bars.get_segments()] == pytest.approx([0.2] * len(VALUES))


def test_limit_is_drawn_where_there_is_one() -> None:
    with_limit, without = (plot_failures(failures(limit=limit), None, ["flux"], BOUND) for limit in (0.5, np.nan))
    (there,), (not_there,) = (
        [axes for axes in figure.axes if axes.get_ylabel() == "share of images"] for figure in (with_limit, without)
    )
    assert (len(there.lines), len(not_there.lines)) == (2, 1)


@pytest.mark.parametrize(("limit", "columns"), [(0.5, 3), (np.nan, 2)])
def test_table_of_what_is_refused_says_what_could_be_where_that_is_known(limit: float, columns: int) -> None:
    report = refused_table(failures(limit=limit))
    assert len(report.columns) == columns
    assert [len(row) for row in report.rows] == [columns]


def test_long_names_below_the_panels_stay_apart() -> None:
    label = "even light that is not in the simulator [counts a pixel]"
    assert not unreadable(plot_failures(failures(label=label), (-0.05, 0.0), ["flux"], BOUND))
