"""Shear on the sky: as GalSim turns it, and along what is seen to be north and east."""

import galsim
import numpy as np
import pytest

from components.problems import find_reading
from components.simulators.sersic import PARAMETERS
from services.headers import compare
from tests.code.services.test_headers import IMAGE, header_of

READING = find_reading("galaxy-shape")
LABELS = {"likelihood_correlation": PARAMETERS}


def answer_of(g1: float, g2: float) -> dict[str, object]:
    correlation = np.eye(len(PARAMETERS))
    first, second = PARAMETERS.index("g1"), PARAMETERS.index("g2")
    correlation[first, second] = correlation[second, first] = 0.4
    return {
        **{"likelihood_g1": g1, "likelihood_g2": g2, "likelihood_g1_error": 0.03, "likelihood_g2_error": 0.05},
        "likelihood_correlation": correlation,
    }


def test_a_galaxy_along_north_has_the_angle_zero_and_towards_east_it_grows() -> None:
    axes = np.array([[0.0, 1.0], [-1.0, 0.0]])  # north up, east to the left
    for (g1, g2), angle in (((-0.3, 0), 0), ((0.3, 0), 90), ((0, -0.3), 45), ((0, 0.3), 135)):
        found = READING.on_sky(answer_of(g1, g2), LABELS, axes)
        assert found["likelihood_position_angle"].value == pytest.approx(angle)
        assert found["likelihood_position_angle"].unit == "deg"


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 30.0, 110.0])
def test_shear_and_its_covariance_turn_as_galsim_turns_them(angle: float, mirrored: bool) -> None:
    header = header_of(angle, mirrored=mirrored)
    axes = compare(header, (64, 64), IMAGE).axes
    assert axes is not None
    found = READING.on_sky(answer_of(0.2, -0.1), LABELS, axes)
    wcs = galsim.AstropyWCS(header=header).local(galsim.PositionD(32.5, 32.5))
    turned = wcs.shearToWorld(galsim.Shear(g1=0.2, g2=-0.1))
    there = (found["likelihood_g1_sky"].value, found["likelihood_g2_sky"].value)
    assert there == pytest.approx((-turned.g1, -turned.g2), abs=1e-4)  # GalSim counts from west to north

    covariance = np.array([[0.03**2, 0.4 * 0.03 * 0.05], [0.4 * 0.03 * 0.05, 0.05**2]])
    draws = np.random.default_rng(0).multivariate_normal([0.2, -0.1], covariance / 400, 4000)
    many = [READING.on_sky(answer_of(*draw), LABELS, axes) for draw in draws]
    g1, g2 = (np.array([one[f"likelihood_{part}_sky"].value for one in many]) for part in ("g1", "g2"))
    assert 20 * g1.std() == pytest.approx(found["likelihood_g1_sky_error"].value, rel=0.05)
    assert 20 * g2.std() == pytest.approx(found["likelihood_g2_sky_error"].value, rel=0.05)
    assert np.corrcoef(g1, g2)[0, 1] == pytest.approx(found["likelihood_g1_g2_sky_correlation"].value, abs=0.05)
    angle_b = np.radians([one["likelihood_position_angle"].value for one in many])
    middle = np.radians(found["likelihood_position_angle"].value)
    spread = np.degrees(np.angle(np.exp(2j * (angle_b - middle))).std() / 2)  # an angle of 180 degrees is one of 0
    assert 20 * spread == pytest.approx(found["likelihood_position_angle_error"].value, rel=0.05)


def test_of_a_round_galaxy_no_angle_is_known() -> None:
    found = READING.on_sky(answer_of(0.0, 0.0), LABELS, np.eye(2))
    assert found["likelihood_position_angle_error"].value == pytest.approx(180 / 12**0.5)
