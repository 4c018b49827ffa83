"""What a header says of its pixels: scale, unit and frame as astropy and GalSim read them, whatever wrote it."""

from typing import Any

import galsim
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from models.fields import Field
from services.headers import compare

IMAGE = Field(name="image", shape=(64, 64), unit="counts", pixel_scale=0.23)


def header_of(angle: float, *, mirrored: bool = False, scale: float = 0.23, **more: Any) -> fits.Header:
    """A tangent plane, turned, and with east to the left unless it is mirrored."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [359.9999, 50.0], [32.5, 32.5]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1 if mirrored else -1, 1]) * scale / 3600
    wcs.wcs.cdelt, wcs.wcs.pc = [1 / 3600, 1 / 3600], matrix * 3600
    header: fits.Header = wcs.to_header()
    header.update(more)
    return header


def by_cd(header: fits.Header) -> fits.Header:
    """The same by a CD matrix."""
    matrix = WCS(header).pixel_scale_matrix
    for word in ("PC1_1", "PC1_2", "PC2_1", "PC2_2", "CDELT1", "CDELT2"):
        header.remove(word, ignore_missing=True)
    header.update({f"CD{row + 1}_{column + 1}": matrix[row, column] for row in (0, 1) for column in (0, 1)})
    return header


@pytest.mark.parametrize("form", [lambda header: header, by_cd], ids=["PC", "CD"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 30.0, 200.0])
def test_scale_and_frame_are_those_that_galsim_finds(angle: float, mirrored: bool, form: Any) -> None:
    header = form(header_of(angle, mirrored=mirrored))
    said = compare(header, (64, 64), IMAGE)
    assert said.axes is not None
    local = galsim.AstropyWCS(header=header).local(galsim.PositionD(32.5, 32.5))
    north_and_west = np.array([[local.dvdx, local.dvdy], [local.dudx, local.dudy]]) / 0.23
    np.testing.assert_allclose(said.axes, north_and_west * [[1], [-1]], atol=1e-4)
    assert said.scale == pytest.approx(0.23, rel=1e-5)
    assert (said.fault, said.scale_fault) == ("", "")


def test_a_frame_is_of_the_equator_wherever_the_header_counts_from() -> None:
    header = header_of(0.0)
    wcs = WCS(header)
    wcs.wcs.ctype, wcs.wcs.crval = ["GLON-TAN", "GLAT-TAN"], [120.0, 30.0]
    galactic = wcs.to_header()
    said = compare(galactic, (64, 64), IMAGE)
    assert said.axes is not None
    sky = WCS(galactic).pixel_to_world([31.5, 32.5], [31.5, 31.5]).icrs
    angle = sky[0].position_angle(sky[1]).radian
    assert np.arctan2(said.axes[1, 0], said.axes[0, 0]) % (2 * np.pi) == pytest.approx(angle, abs=1e-4)


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (header_of(10.0, scale=0.2305), ""),
        (header_of(10.0, scale=0.05), "has pixels of 0.05 arcsec, and the model was trained on 0.23"),
        (by_cd(header_of(10.0, scale=0.24)), "has pixels of 0.24 arcsec"),
        (fits.Header({"PIXSCALE": 0.05}), "has pixels of 0.05 arcsec"),
        (header_of(0.0, PIXSCALE=0.05), ""),
        (fits.Header({"CDELT1": 0.05}), ""),  # of what, it does not say
    ],
)
def test_another_scale_is_named_beside_the_models(header: fits.Header, fault: str) -> None:
    said = compare(header, (64, 64), IMAGE)
    assert said.scale_fault.startswith(fault) if fault else not said.scale_fault
    assert compare(header, (64, 64), Field(name="image", shape=(64, 64))).scale_fault == ""


def test_pixels_that_are_not_square_on_the_sky_are_refused() -> None:
    header = by_cd(header_of(0.0))
    header["CD1_1"] *= 1.05
    assert compare(header, (64, 64), IMAGE).fault.startswith("has pixels that are not square on the sky")


@pytest.mark.parametrize("unit", ["counts", "COUNT", "ct"])
def test_the_same_unit_needs_no_word(unit: str) -> None:
    said = compare(header_of(0.0, BUNIT=unit), (64, 64), IMAGE)
    assert (said.fault, said.unknown) == ("", ())


@pytest.mark.parametrize("unit", ["adu", "DN", "electron", "ELECTRONS", "e-", "photon", "", "bananas"])
def test_what_nobody_can_know_of_a_unit_is_said_and_not_refused(unit: str) -> None:
    said = compare(header_of(0.0, BUNIT=unit), (64, 64), IMAGE)
    assert said.fault == ""
    assert len(said.unknown) == 1


@pytest.mark.parametrize("unit", ["electron/s", "ELECTRONS/S", "count s-1", "Jy", "MJy/sr", "mag", "10**3 ct"])
def test_another_unit_is_refused(unit: str) -> None:
    assert compare(header_of(0.0, BUNIT=unit), (64, 64), IMAGE).fault.startswith(f"is in {unit}, and the model takes")


@pytest.mark.parametrize(
    "wrong", [{"CTYPE1": "RA---NOT"}, {"CRVAL1": np.float64(1e300)}, {"A_ORDER": 10**6}, {"CPDIS1": "LOOKUP"}]
)
def test_a_header_that_makes_no_sense_says_nothing(wrong: dict[str, Any]) -> None:
    header = by_cd(header_of(0.0))
    header.update(wrong)
    said = compare(header, (64, 64), IMAGE)
    assert said.fault == ""
    assert (said.axes is None) == ("CPDIS1" not in wrong)  # a table of distortions that is not there is left out
