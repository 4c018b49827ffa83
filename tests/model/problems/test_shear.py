"""Shear from shapes: rings leave no spurious bias, m is what it is, and a selection's response counts."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.params import load_settings
from components.evidence.honesty import HonestyTable
from components.fields.evaluation import Metric, Report
from components.gates.results import Verdict
from components.gates.rules import judge
from components.problems import find_problem
from components.problems.galaxy_shape.honesty import SLICES, measure_shear
from components.problems.galaxy_shape.rings import SHEAR, TURNS, Complex, sheared, sheared_rings
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.problems.galaxy_shape.shear import Sheared, Slice, biases
from tests.conftest import HOUSE, write_params

SHIPPED = load_settings(HOUSE / "params.yaml", "galaxy-shape", GalaxyShapeSettings).gates.honesty.rules
SHAPES = st.complex_numbers(max_magnitude=0.67, allow_nan=False, allow_infinity=False)


@given(SHAPES, st.floats(0, 2 * np.pi))
def test_a_ring_averages_to_the_shear_and_a_pair_at_right_angles_does_not(shape: complex, angle: float) -> None:
    shear = SHEAR * np.exp(1j * angle)
    ring, pair = shape * 1j ** np.arange(4), shape * (-1.0) ** np.arange(2)
    assert abs(sheared(ring, shear).mean() - shear) <= 2 * SHEAR**3
    spurious = -np.conj(shear) * shape**2
    assert abs(sheared(pair, shear).mean() - shear - spurious) <= 2 * SHEAR**3


def test_both_signs_are_sheared_copies_of_one_galaxy_turned_by_45_degrees(tmp_path: Path) -> None:
    write_params(tmp_path)
    settings = load_settings(tmp_path / "params.yaml", "galaxy-shape", find_problem("galaxy-shape").settings)
    assert isinstance(settings, GalaxyShapeSettings)
    (ring,) = sheared_rings(settings.simulate, seed=3, galaxies=2)
    plus, minus = ring.stored
    for name in ("flux", "n", "half_light_radius", "psf_fwhm", "sigma"):
        np.testing.assert_array_equal(plus[name], minus[name])
        assert (plus[name].reshape(2, TURNS) == plus[name].reshape(2, TURNS)[:, :1]).all()
    shapes = np.stack([of["g1"] + 1j * of["g2"] for of in ring.stored])
    direction = np.where(ring.along_b == 0, 1, 1j)
    before = sheared(shapes, -np.array([[SHEAR], [-SHEAR]]) * direction)
    np.testing.assert_allclose(before[0], before[1], atol=1e-9)
    np.testing.assert_allclose(before[0].reshape(2, TURNS)[:, 1:] / before[0].reshape(2, TURNS)[:, :-1], 1j, atol=1e-9)
    # Stamps are those of the shapes: turned by 90 degrees, one is the other's mirror image but for the shear.
    assert plus["stamp"].shape == (2 * TURNS, 64, 64)
    assert not np.array_equal(plus["stamp"], minus["stamp"])


def made_up(galaxies: int, *, m: float, c: float, leaning: float, seed: int = 0) -> Sheared:
    """Galaxies in rings as a model would find them, whose bias is known.

    Args:
        galaxies: how many.
        m: of every shape.
        c: the same.
        leaning: by how much the logarithm of the SNR found rises with the square of the ellipticity.
        seed: of shapes and noise.
    """
    rng = np.random.default_rng(seed)
    shape_n = (rng.uniform(0, 0.6, galaxies) * np.exp(2j * np.pi * rng.random(galaxies))).repeat(TURNS)
    shape_n = shape_n * np.tile(1j ** np.arange(TURNS), galaxies)
    along_n = np.arange(galaxies).repeat(TURNS) % 2
    direction_n: Complex = np.array([1, 1j], dtype=complex)[along_n]
    noise_n, log_snr_n = 0.1 * rng.normal(size=along_n.size), rng.uniform(np.log(12), np.log(110), along_n.size)
    seen_sn = np.stack([sheared(shape_n, sign * SHEAR * direction_n) / direction_n for sign in (1, -1)])
    shape_sn = (1 + m) * seen_sn.real + c + noise_n
    found = {
        "snr": np.exp(log_snr_n + leaning * np.abs(seen_sn) ** 2),
        "half_light_radius": np.full_like(shape_sn, 0.3),
        "n": np.full_like(shape_sn, 2.0),
        "ellipticity": np.abs(shape_n) + 0 * shape_sn,
        "psf_fwhm": np.full_like(shape_sn, 0.7),
    }
    return Sheared(shape={"posterior": shape_sn, "likelihood": shape_sn}, found=found, along_n=along_n)


def together(*parts: Sheared) -> Sheared:
    return Sheared(
        shape={name: np.concatenate([part.shape[name] for part in parts], axis=1) for name in parts[0].shape},
        found={name: np.concatenate([part.found[name] for part in parts], axis=1) for name in parts[0].found},
        along_n=np.concatenate([part.along_n for part in parts]),
    )


def sound_grid() -> dict[str, Metric]:
    """Of an efficient model, by the names that the shipped rules ask for."""
    asked = [rule.metric for rule in SHIPPED if rule.metric.startswith("grid.")]
    values = {name: 30.0 if ".points." in name else 1.0 for name in asked}
    return {name: Metric(value=value, low=value, high=value) for name, value in values.items()}


def honesty_table(metrics: Mapping[str, Metric], folder: Path) -> HonestyTable:
    report = Report(title="", columns=(), rows=())
    return HonestyTable(folder=folder, key="key", digest="digest", metrics=metrics, summary="", report=report)


@pytest.mark.parametrize("m", [0.0, -0.1])
def test_m_and_c_are_what_was_put_in(m: float) -> None:
    response, additive = biases(made_up(4000, m=m, c=0.01, leaning=0.0), "likelihood", Slice(ranges={}))
    found = response.metric(1.0)
    assert found.low <= m <= found.high
    assert found.high - found.low < 0.01
    for metric in additive.values():
        assert metric.low <= 0.01 <= metric.high


def test_the_response_of_a_selection_counts_and_a_learned_response_takes_it_away() -> None:
    """Elongated galaxies are found brighter, and the shear elongates those that lie along it: more are in a slice."""
    sheared = made_up(10_000, m=-0.1, c=0.0, leaning=0.5)
    metrics, _ = measure_shear(sheared)
    for name, sign in (("snr_above70", 1), ("snr_below20", -1)):
        raw, left = (metrics[f"shear.likelihood.{of}.{name}"] for of in ("m", "m_after_response"))
        assert sign * (raw.value + 0.1) > 0.02, "who is in the slice answers to the shear, too"
        assert left.low <= 0 <= left.high
        assert left.high - left.low < 0.05
    whole = metrics["shear.likelihood.m.all"]
    assert whole.low <= -0.1 <= whole.high


def test_a_response_that_other_galaxies_do_not_have_is_found_out() -> None:
    teaching, judged = made_up(4000, m=0.0, c=0.0, leaning=0.0), made_up(4000, m=-0.05, c=0.0, leaning=0.0, seed=1)
    left = measure_shear(together(teaching, judged))[0]["shear.likelihood.m_after_response.all"]
    assert left.high < -0.03


SOUND = {"teaching": (0.0, 0.0), "judged": (0.0, 0.0)}
BIASED = {
    "shear.likelihood.m.snr_above20": {"teaching": (-0.1, 0.0), "judged": (-0.1, 0.0)},
    "shear.likelihood.m_after_response.snr_above20": {"teaching": (0.0, 0.0), "judged": (-0.02, 0.0)},
    "shear.likelihood.c1.snr_above20": {"teaching": (0.0, 0.005), "judged": (0.0, 0.005)},
}
"""By the first rule that refuses them: m and c of the galaxies that teach the response, and of those judged."""


@pytest.mark.parametrize("refusing", [None, *BIASED])
def test_the_shipped_rules_pass_a_sound_model_and_refuse_biased_ones(tmp_path: Path, refusing: str | None) -> None:
    biases_of = BIASED[refusing] if refusing else SOUND
    parts = [made_up(20_000, m=m, c=c, leaning=0.0, seed=seed) for seed, (m, c) in enumerate(biases_of.values())]
    table = honesty_table(measure_shear(together(*parts))[0] | sound_grid(), tmp_path)
    failed = [
        result.metric for result in judge(SHIPPED, table, expected_key="key") if result.verdict is not Verdict.PASS
    ]
    assert failed[:1] == ([refusing] if refusing else [])


def test_the_shipped_rules_refuse_a_likelihood_that_is_biased_at_every_tenth_point(tmp_path: Path) -> None:
    shear = measure_shear(made_up(10_000, m=0.0, c=0.0, leaning=0.0))[0]
    for truth in ("flux", "half_light_radius", "g1"):
        name = f"grid.likelihood.unbiased.{truth}"
        table = honesty_table(shear | sound_grid() | {name: Metric(value=0.5, low=0.4, high=0.6)}, tmp_path)
        failed = [
            result.metric for result in judge(SHIPPED, table, expected_key="key") if result.verdict is Verdict.FAIL
        ]
        assert failed == [name]


def test_slices_are_soft_and_add_up() -> None:
    found = {"snr": np.geomspace(5, 300, 200), "half_light_radius": np.full(200, 0.3)}
    parts = [SLICES[name].weights(found) for name in ("snr_below20", "snr20_40", "snr40_70", "snr_above70")]
    np.testing.assert_allclose(np.sum(parts, axis=0), 1)
    slope = SLICES["snr20_40"].slopes(found, "snr")
    by_hand = np.gradient(SLICES["snr20_40"].weights(found), np.log(found["snr"]))
    np.testing.assert_allclose(slope[1:-1], by_hand[1:-1], atol=0.05)
