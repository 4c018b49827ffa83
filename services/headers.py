"""What the header of a FITS image says of its pixels, beside what a model was trained on: scale, unit, frame.

    said = compare(header, image.shape, field)          # said.fault, said.scale_fault, said.unknown, said.axes

A scale is the celestial WCS's at the middle of the image (astropy.wcs), or `PIXSCALE` in arcsec. Names of counted
things (adu, DN, electrons) are one unit here: no header says how many of one make one of the other.
"""

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field

TOLERANCE = 0.01
"""Of a scale: sizes are as wrong as it is, and shapes by as much as its axes differ."""
_SCALE_WORDS = ("PIXSCALE", "PIXSCAL1")
_COUNTED = re.compile(r"\b(?:counts?|cts?|adu|dn|electrons?|photons?|ph|e)\b-?", re.IGNORECASE)
_COUNTS = re.compile(r"\s*(?:counts?|cts?)\s*", re.IGNORECASE)
_ORDERS = ("A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER")
_HIGHEST_ORDER = 9
"""Of the polynomials of a distortion (SIP; Shupe et al. 2005)."""
_TABLES = ("CPDIS", "CPERR", "DP1", "DP2", "D2IM", "DET2IM")
_ARCSEC = 3600
_STEP = 1.0
"""Pixels to each side of the middle, over which the sky is taken to be flat."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a header says of an image for a model."""

    scale: float | None
    """Arcseconds a pixel; None where it does not say."""
    axes: "NDArray[np.float64] | None"
    """North and east (rows) of a step to the next column and row (columns), orthogonal; None without a WCS."""
    scale_fault: str = ""
    """Why the model cannot be asked about such pixels, as far as resampling would help."""
    fault: str = ""
    """Why it cannot in any case."""
    unknown: tuple[str, ...] = ()
    """What the model takes for granted, since nobody says it."""


def compare(header: Mapping[str, Any], shape: Sequence[int], wanted: "Field") -> Said:
    """Hold a header against what a model takes.

    Args:
        header: of the image, as astropy reads it; an empty one where there is none.
        shape: of the image, height and width last.
        wanted: the field that it is.
    """
    jacobian = _jacobian(header, shape)
    scale, axes, even = _scale_of(header), None, True
    if jacobian is not None:
        left, sizes, right = np.linalg.svd(jacobian)
        axes, scale = left @ right, float(math.sqrt(sizes[0] * sizes[1]))
        even = bool(sizes[0] <= sizes[1] * (1 + TOLERANCE))
    fault, unknown = _unit(str(header.get("BUNIT") or "").strip()[:80], wanted.unit)
    scale_fault = ""
    if wanted.pixel_scale is not None:
        if scale is None:
            unknown = (f"a pixel scale (taken for {wanted.pixel_scale:g} arcsec)", *unknown)
        elif not even:
            fault = fault or "has pixels that are not square on the sky: bring it to square ones"
        elif abs(scale / wanted.pixel_scale - 1) > TOLERANCE:
            scale_fault = f"has pixels of {scale:.4g} arcsec, and the model was trained on {wanted.pixel_scale:g}"
    return Said(scale=scale, axes=axes, scale_fault=scale_fault, fault=fault, unknown=unknown)


def _scale_of(header: Mapping[str, Any]) -> float | None:
    for word in _SCALE_WORDS:
        value = header.get(word)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
            return float(value)
    return None


def _jacobian(header: Any, shape: Sequence[int]) -> "NDArray[np.float64] | None":
    """Arcseconds to the north and to the east (rows) of a step to the next column and to the next row (columns)."""
    if "CTYPE1" not in header:
        return None
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    orders = [header[word] for word in _ORDERS if word in header]
    if any(not isinstance(order, int) or order > _HIGHEST_ORDER for order in orders):
        return None  # as much memory as its square
    try:
        with warnings.catch_warnings(action="ignore"):
            # Tables of distortions are not here, and small over a cutout.
            wcs = WCS(Header([card for card in header.cards if not card.keyword.startswith(_TABLES)]))
            if not wcs.has_celestial:
                return None
            across, up = (shape[-1] - 1) / 2, (shape[-2] - 1) / 2
            x = across + _STEP * np.array([0, 1, -1, 0, 0])
            y = up + _STEP * np.array([0, 0, 0, 1, -1])
            longitude, latitude = _on_sky(wcs.celestial, x, y)
    except Exception:  # noqa: BLE001 - whatever astropy raises at a header that makes no sense: it says nothing then
        return None
    east = ((longitude[1:] - longitude[0] + 180) % 360 - 180) * np.cos(np.radians(latitude[0]))
    north = latitude[1:] - latitude[0]
    found = np.array([(part[0::2] - part[1::2]) / (2 * _STEP) * _ARCSEC for part in (north, east)])
    return found if np.isfinite(found).all() and abs(np.linalg.det(found)) > 0 else None


def _on_sky(wcs: Any, x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> "tuple[Any, Any]":
    """Right ascension and declination of pixels in degrees."""
    longitude, latitude = wcs.all_pix2world(x, y, 0)
    if wcs.wcs.ctype[0].startswith("RA") and wcs.wcs.radesys in ("", "ICRS", "FK5"):  # alike to less than 1 arcsec
        return longitude, latitude
    sky = wcs.pixel_to_world(x, y).icrs
    return sky.ra.degree, sky.dec.degree


@lru_cache(maxsize=256)  # to read a unit takes as long as to read an image
def _unit(text: str, wanted: str) -> tuple[str, tuple[str, ...]]:
    """Why values in a unit are not what a model takes, and what of it is not known."""
    if not wanted:
        return "", ()
    if not text:
        return "", (f"a unit (taken for {wanted})",)
    from astropy.units import Unit, UnitConversionError

    with warnings.catch_warnings(action="ignore"):
        try:
            found, there = (Unit(_COUNTED.sub("ct", one)) for one in (text, wanted))
        except (ValueError, TypeError):
            return "", (f"a unit that is known (BUNIT {text[:40]!r} is taken for {wanted})",)
        try:
            factor = found.to(there)
        except UnitConversionError:
            return f"is in {text[:40]}, and the model takes {wanted}: give it in {wanted}", ()
    if abs(factor - 1) > TOLERANCE:
        return f"is in {text[:40]}, and the model takes {wanted}: multiply it by {factor:g}", ()
    if _COUNTED.fullmatch(text) and not _COUNTS.fullmatch(text):
        return "", (f"how many {wanted} make one {text[:40]} (taken for one)",)
    return "", ()
