"""The scientific problems, a folder each: what is asked, of which simulator, and how answers are judged.

* `galaxy_shape/`: five Sérsic parameters of one galaxy
* `galactic_centre/`: diffuse light and numbers of point sources of one gamma-ray sky
* `point_sources/`: where the point sources of such a sky are, and how bright
* `sky_denoising/`: such a sky without its noise
* `skies/`: what these have in common
* `restoration/`: what a picture was before it was resized to a quarter and back, and a galaxy before PSF and noise
* `spirals/`: what a galaxy on a picture is, and where its arms are

Everything else meets them through `find_problem`; what only reads files for them, through `find_reading`.
"""

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from components.core import AssayError

if TYPE_CHECKING:
    from components.fields import Problem, Reading

__label__ = None

_CLASSES = {
    "galaxy-shape": "galaxy_shape:GalaxyShape",
    "galactic-centre": "galactic_centre:GalacticCentre",
    "point-sources": "point_sources:PointSources",
    "sky-denoising": "sky_denoising:SkyDenoising",
    "upsampling": "restoration:Upsampling",
    "deblurring": "restoration:Deblurring",
    "spiral-morphology": "spirals:SpiralMorphology",
    "spiral-arms": "spirals:SpiralArms",
}
"""Name on the command line to folder and class; a new problem is one line here."""

_READINGS = {
    "galaxy-shape": "components.problems.galaxy_shape.reading:GALAXY",
    "upsampling": "components.simulators.folders:COLOUR",
    "spiral-morphology": "components.simulators.folders:GREY",
    "spiral-arms": "components.simulators.folders:GREY",
}
"""Where the `reading` of a problem lies that has one of its own."""

NAMES = tuple(_CLASSES)
"""Every problem, as typed on the command line."""


def known_name(name: str) -> str:
    """The name of a problem, of which nothing else is needed.

    Raises:
        AssayError: when there is none of that name; the known ones are listed.
    """
    if name not in _CLASSES:
        raise AssayError(f"unknown problem {name!r}: known are {', '.join(NAMES)}")
    return name


def find_problem(name: str) -> "Problem":
    """The problem of a name.

    Raises:
        AssayError: when there is none of that name; the known ones are listed.
    """
    known_name(name)
    # Imported when it is asked for: a list of versions needs no torch.
    problem: Problem = resolve_name(f"{__name__}.{_CLASSES[name]}")()
    return problem


def find_reading(name: str) -> "Reading":
    """What the problem of a name makes of a user's file, without the problem itself, with which torch is imported.

    Raises:
        AssayError: when there is none of that name; the known ones are listed.
    """
    known_name(name)
    if name not in _READINGS:
        from components.fields import Reading

        return Reading()
    reading: Reading = resolve_name(_READINGS[name])
    return reading
