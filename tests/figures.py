"""What of a matplotlib figure cannot be read: words on other words, words cut off, legends on a panel.

assert not unreadable(figure)
"""

from itertools import combinations
from typing import Any
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_TOUCH = 1.0
"""Pixels of a box that are not of its letters."""
_UPRIGHT = (0, 90)
"""Rotations, in degrees, of words that fill their boxes."""


def unreadable(figure: Figure) -> list[str]:
    """A line for each fault of the figure, as it is when it is kept."""
    boxes = {text: _inside(text.get_window_extent()) for text in _drawn(figure) if text.get_rotation() in _UPRIGHT}
    corners = {text: ((box.x0, box.y0), (box.x1, box.y1)) for text, box in boxes.items()}
    cut = [text for text, ends in corners.items() if not all(figure.bbox.contains(*end) for end in ends)]
    legends = (_inside(legend.get_window_extent()) for legend in figure.findobj(Legend))
    return [
        *(f"{text.get_text()!r} is cut off" for text in cut),
        *(
            f"{one.get_text()!r} is on {other.get_text()!r}"
            for one, other in combinations(boxes, 2)
            if boxes[one].overlaps(boxes[other])
        ),
        *("a legend is on a panel" for box in legends for axes in figure.axes if box.overlaps(axes.bbox)),
    ]


def _drawn(figure: Figure) -> list[Text]:
    """All words, each once; a label beyond the end of an axis is there, and never drawn."""
    found = dict[Text, None]()
    draw: Any = Text.draw

    def noted(text: Text, renderer: Any) -> None:
        found[text] = None
        draw(text, renderer)

    with patch.object(Text, "draw", noted):
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def _inside(box: Bbox) -> Bbox:
    return box.padded(-_TOUCH) if min(box.width, box.height) > 2 * _TOUCH else box
