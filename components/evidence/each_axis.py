"""Measure along axes of departures: one after another here, or each by a worker of the Dask scheduler, if there is one.

    for rows, losses in each_axis(_along, about, axes, settings=about.settings):        # in the order of the axes
        …

Axes have the ordinary images in common. Here they are asked about once; by workers once for each axis.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from components.core import ProblemSettings, dask_url, spread
from components.evidence.failures import FailureAxis, FailureImages

if TYPE_CHECKING:
    from components.evidence.measuring import Measuring
    from components.evidence.numbers.parts import Gathering

__label__ = "each_axis"

About = TypeVar("About", "Measuring", "Gathering")
Losses = TypeVar("Losses")
Found = TypeVar("Found")

Along = tuple[list[dict[str, Any]], Losses]
"""Rows of a table, with `value` and `images`, and what a metric of the axis is made of."""
Asked = WeakKeyDictionary[FailureImages, Found]
"""What was answered about the images of a value."""
Measure = Callable[[About, FailureAxis, Asked[Found]], Along[Losses]]


def each_axis(
    measure: Measure[About, Found, Losses], about: About, axes: Sequence[FailureAxis], *, settings: ProblemSettings
) -> Iterator[Along[Losses]]:
    """What is measured along each axis.

    Args:
        measure: along one axis, with what was answered about images that others have, too.
        about: the model; its dataset is not read.
        axes: from the problem.
        settings: all of the problem's.

    Raises:
        AssayError: as of `spread`.
    """
    if dask_url() is None:
        asked: Asked[Found] = WeakKeyDictionary()
        yield from (measure(about, axis, asked) for axis in axes)
        return
    # A bar cannot be sent, and what was read of the dataset need not be.
    sent = replace(about, dataset=replace(about.dataset), progress=_unseen)
    sources, found = about.problem.sources(settings.simulate), dict[int, Along[Losses]]()
    there = spread(partial(_measured, measure, sent), axes, code=sources.evaluation, unused=sources.unused)
    for number, along in there:
        found[number] = along
        about.progress(sum({row["value"]: row["images"] for row in along[0]}.values()))
    yield from (found[number] for number in range(len(axes)))


def _measured(measure: Measure[About, Found, Losses], about: About, axis: FailureAxis) -> Along[Losses]:
    return measure(about, axis, WeakKeyDictionary())


def _unseen(count: int) -> None:
    """Nobody sees the progress of a worker."""
