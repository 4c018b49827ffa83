"""Losses that cannot be compared are refused, each by a line that says what is wrong and what to do."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from components.core.errors import RefusedError
from components.core.gate_settings import Margins
from components.fields.evaluation import ELSEWHERE, Loss
from components.gates.comparison import ALL, Comparison, compare

MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
AGAIN = "evaluate both versions on today's dataset"
SLICES = np.repeat(["bright", "faint"], 50)


def loss(name: str = "x", *, count: int = 100, floor: float = 0.0) -> Loss:
    return Loss(name=name, values=1 + np.arange(count) % 7, floor=floor)


def compared(
    champion: Sequence[Loss], challenger: Sequence[Loss], slices: np.ndarray = SLICES, others: np.ndarray | None = None
) -> Comparison:
    of_challenger = slices if others is None else others
    return compare(champion, challenger, (slices, of_challenger), margins=MARGINS, resamplings=50, seed=1)


@pytest.mark.parametrize(
    ("champion", "challenger", "line"),
    [
        ([], [], "losses [] (name, scale, floor) cannot be compared with []"),
        (
            [loss()],
            [loss("y")],
            "losses [('y', 'relative', 0.0)] (name, scale, floor) cannot be compared with [('x', 'relative', 0.0)]",
        ),
        (
            [loss()],
            [loss(), loss("y")],
            "losses [('x', 'relative', 0.0), ('y', 'relative', 0.0)] (name, scale, floor) cannot be compared with "
            "[('x', 'relative', 0.0)]",
        ),
        (
            [loss()],
            [loss(floor=0.5)],
            "losses [('x', 'relative', 0.5)] (name, scale, floor) cannot be compared with [('x', 'relative', 0.0)]",
        ),
        (
            [loss()],
            [Loss(name="x", values=np.ones(100), scale="absolute")],
            "losses [('x', 'absolute', 0.0)] (name, scale, floor) cannot be compared with [('x', 'relative', 0.0)]",
        ),
        ([loss(count=99)], [loss(count=99)], "loss x has 99 values for 100 images"),
        ([loss(count=99)], [loss()], "loss x has 99 values for 100 images"),
        ([loss(), loss("y")], [loss(), loss("y", count=101)], "loss y has 101 values for 100 images"),
    ],
)
def test_other_losses_are_refused(champion: list[Loss], challenger: list[Loss], line: str) -> None:
    with pytest.raises(RefusedError, match=f"^{re.escape(line)}: {AGAIN}$"):
        compared(champion, challenger)


@pytest.mark.parametrize(
    ("slices", "others", "line"),
    [
        (SLICES, SLICES[:0], f"0 images with 1 losses cannot be compared with 100 with 1: {AGAIN}"),
        (SLICES[:0], SLICES[:0], f"0 images with 1 losses cannot be compared with 0 with 1: {AGAIN}"),
        (SLICES, SLICES[:99], f"99 images with 1 losses cannot be compared with 100 with 1: {AGAIN}"),
        (SLICES, SLICES[::-1], f"the losses are not of the same images: {AGAIN}"),
        (np.full(100, ALL), np.full(100, ALL), "a slice is called all, as the whole is: give it another name"),
    ],
)
def test_other_images_are_refused(slices: np.ndarray, others: np.ndarray, line: str) -> None:
    with pytest.raises(RefusedError, match=f"^{re.escape(line)}$"):
        compared([loss()], [loss()], slices, others)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_losses_that_are_not_finite_are_refused_whosever_they_are(bad: float) -> None:
    broken = Loss(name="x", values=np.append(np.ones(99), bad))
    for champion, challenger in ((loss(), broken), (broken, loss())):
        line = "some losses are not finite: a model that answers with NaN cannot be compared"
        with pytest.raises(RefusedError, match=f"^{line}$"):
            compared([champion], [challenger])


def test_a_cell_of_fewer_than_thirty_images_is_refused_by_its_name() -> None:
    def line(what: str, images: int) -> str:
        said = (
            f"{what} has {images} images, too few to compare two models: 30 are needed: draw more "
            "(gates.fresh_images), or where images are read give more of them to confirmation_fraction"
        )
        return f"^{re.escape(said)}$"

    few = loss(count=29)
    with pytest.raises(RefusedError, match=line("all", 29)):
        compared([few], [few], SLICES[:29])
    uneven = np.repeat(["bright", "faint"], [71, 29])
    with pytest.raises(RefusedError, match=line("slice faint", 29)):
        compared([loss()], [loss()], uneven)
    enough = np.repeat(["bright", "faint"], [70, 30])
    assert [cell.images for cell in compared([loss()], [loss()], enough).cells] == [100, 70, 30]
    thirty = loss(count=30)
    assert [cell.images for cell in compared([thirty], [thirty], np.full(30, "faint")).cells] == [30, 30]


def test_images_in_no_slice_count_in_the_whole_alone_and_may_be_few() -> None:
    cells = compared([loss()], [loss()], np.repeat([ELSEWHERE, "faint"], [5, 95])).cells
    assert [(cell.slice, cell.images) for cell in cells] == [(ALL, 100), ("faint", 95)]


def test_a_champion_without_losses_in_a_slice_is_refused_where_there_is_no_floor_for_them() -> None:
    nothing = np.where(SLICES == "faint", 0.0, 1.0)
    line = "the champion's losses are 0 in a slice, so that nothing is relative to them"
    with pytest.raises(RefusedError, match=f"^{line}$"), np.errstate(divide="ignore", invalid="ignore"):
        compared([Loss(name="x", values=nothing)], [loss()])
