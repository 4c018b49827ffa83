"""The scientific problems, one module each; `find_problem` is how everything else meets them."""

from importlib import import_module
from typing import TYPE_CHECKING

from components.errors import AssayError

if TYPE_CHECKING:
    from components.fields.problem import Problem

__label__ = None

_CLASSES = {"galaxy-shape": "galaxy_shape.GalaxyShape"}
"""Name on the command line to module and class in this folder; a new problem is one line here."""

NAMES = tuple(_CLASSES)
"""Every problem, as typed on the command line."""


def find_problem(name: str) -> "Problem":
    """The problem of a name.

    Raises:
        AssayError: when there is none of that name; the known ones are listed.
    """
    if name not in _CLASSES:
        raise AssayError(f"unknown problem {name!r}: known are {', '.join(NAMES)}")
    module, cls = _CLASSES[name].split(".")
    problem: Problem = getattr(import_module(f"components.problems.{module}"), cls)()
    return problem
