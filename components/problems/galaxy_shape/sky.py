"""Shear and position angle on the sky, from those in the array and where north and east lie in it.

    values = on_sky(answer, labels, axes)        # {"posterior_g1_sky": …, "posterior_position_angle": …, …}

An ellipticity is a headless direction: turned by an angle it turns by twice that, and a mirror image changes the sign
of its second part. On the sky `g1 = g cos 2θ` and `g2 = g sin 2θ`, with the position angle θ of the long axis counted
from north through east, as the IAU does; GalSim, whose (u, v) are (west, north), has both with the other sign.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.fields import SkyValue

__label__ = None

_ANSWERS = ("posterior", "likelihood")
_PARTS = ("g1", "g2")
_MEANING = {"g1": "|g| cos 2PA: > 0 along north-south", "g2": "|g| sin 2PA: > 0 along northeast-southwest"}
_UNKNOWN_ANGLE = 180 / 12**0.5
"""Error in degrees of an angle of which nothing is known."""


def on_sky(
    answer: Mapping[str, Any], labels: Mapping[str, Sequence[str]], axes: np.ndarray[Any, Any]
) -> dict[str, SkyValue]:
    """The answers' shear and position angle, east of north, each with its error.

    Args:
        answer: outputs of one image.
        labels: of the parameters, in the order of each correlation's.
        axes: north and east (rows) of a step to the next column and to the next row (columns), orthogonal.
    """
    turn = _turn(axes)
    found: dict[str, SkyValue] = {}
    for kind in _ANSWERS:
        if any(f"{kind}_{part}" not in answer for part in _PARTS):
            continue
        shear = np.array([float(answer[f"{kind}_{part}"]) for part in _PARTS])
        errors = np.array([float(answer[f"{kind}_{part}_error"]) for part in _PARTS])
        first, second = (labels[f"{kind}_correlation"].index(part) for part in _PARTS)
        between = float(np.asarray(answer[f"{kind}_correlation"])[first][second])
        covariance = np.outer(errors, errors) * [[1, between], [between, 1]]
        turned, turned_covariance = turn @ shear, turn @ covariance @ turn.T
        for number, part in enumerate(_PARTS):
            error = float(np.sqrt(turned_covariance[number, number]))
            found[f"{kind}_{part}_sky"] = SkyValue(value=float(turned[number]), meaning=_MEANING[part])
            found[f"{kind}_{part}_sky_error"] = SkyValue(value=error, meaning=f"of {kind}_{part}_sky")
        scale = float(np.sqrt(np.prod(np.diag(turned_covariance)))) or 1.0
        found[f"{kind}_g1_g2_sky_correlation"] = SkyValue(
            value=float(turned_covariance[0, 1]) / scale, meaning="of the errors of both"
        )
        angle, error = _position_angle(turned, turned_covariance)
        found[f"{kind}_position_angle"] = SkyValue(value=angle, unit="deg", meaning="of the long axis, east of north")
        found[f"{kind}_position_angle_error"] = SkyValue(value=error, unit="deg", meaning="of the position angle")
    return found


def _turn(axes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What takes (g1, g2) of the array to those of the sky."""
    angle = np.arctan2(axes[1, 0], axes[0, 0])  # position angle of a step to the next column
    cos, sin = np.cos(2 * angle), np.sin(2 * angle)
    mirror = np.sign(np.linalg.det(axes))
    turn: np.ndarray[Any, Any] = np.array([[cos, -mirror * sin], [sin, mirror * cos]])
    return turn


def _position_angle(shear: np.ndarray[Any, Any], covariance: np.ndarray[Any, Any]) -> tuple[float, float]:
    """In degrees from 0 to 180, with its error, which is no more than that of an angle of which nothing is known."""
    g1, g2 = shear
    size2 = float(g1**2 + g2**2)
    angle = float(np.degrees(0.5 * np.arctan2(g2, g1)) % 180)
    if size2 == 0:
        return angle, _UNKNOWN_ANGLE
    slope = np.array([-g2, g1]) / (2 * size2)
    return angle, min(_UNKNOWN_ANGLE, float(np.degrees(np.sqrt(slope @ covariance @ slope))))
