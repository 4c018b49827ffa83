"""Pages of HTML for a person: whole in one file, with nothing to fetch, for windows of any width and for paper.

    text = render_page(Path(__file__).with_name("templates") / "card.html", problem="galaxy-shape", …)

A template says `{% extends "page.html" %}`, and fills its blocks `title` and `body`. A browser is told to load nothing
for such a page, from anywhere: pictures are in it as data, and there is no script. `{{ name|breakable }}` lets a name
such as `posterior.crps_over_crb` go over several lines where there is little room, an interval in small windows and on
paper alone, and a number with its exponent, or with its per cent, never.
"""

import html
import re
from pathlib import Path
from typing import Any

__label__ = None

_TEMPLATES = Path(__file__).parent / "templates"
_JOINTS = re.compile(r"([._])(?=[A-Za-z])")
_WHOLE = re.compile(r"\[[-+.\de]+%?, [-+.\de]+%?\]|± [.\de]+")
"""An interval, or an error with its sign."""
_TOGETHER = re.compile(r"[-+]?[\d.]+e[-+]?\d+|(?:[\d.]+: )?[\d.]+ %")
"""A number with its exponent, or a share, with what it is of."""


def render_page(template: Path, **values: Any) -> str:
    """Fill in a template; what is text in the values stays text.

    Args:
        template: its file.
        values: all that it names.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader([template.parent, _TEMPLATES])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["breakable"] = _breakable
    return environment.get_template(template.name).render(values)


def _breakable(text: object) -> Any:
    from markupsafe import Markup

    named = _JOINTS.sub(r"\1<wbr>", html.escape(str(text)))
    whole = _WHOLE.sub(r'<span class="whole">\g<0></span>', named)
    return Markup(_TOGETHER.sub(r'<span class="together">\g<0></span>', whole))  # noqa: S704 - it is escaped
