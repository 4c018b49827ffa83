"""Departures of the failure maps: nothing departs where it was trained, and elsewhere what is said to depart does."""

from typing import Any

import numpy as np
import pytest
import torch

from components.core.settings import ProblemSettings
from components.evidence import FailureAxis, FailureImages, observed
from components.fields.problem import Problem
from components.problems.galaxy_shape.delivery import correlated, correlated_spectrum, misstated, with_sky, zeroed
from components.problems.galaxy_shape.failure_images import FailureGalaxies
from components.problems.galaxy_shape.failures import failure_axes
from components.simulators.sersic.prior import FLUX_UNIT, PARAMETERS
from models.galaxies import render
from tests.model.problems.problem_conformance import CPU

COUNT, SEED = 6, 7
NEAR = 1e-4
"""Of the peak: both renderers are within 5e-5."""


def galaxies(settings: ProblemSettings, count: int = COUNT) -> FailureGalaxies:
    prior: Any = settings.simulate
    return FailureGalaxies(prior, count, SEED)


def axes(settings: ProblemSettings) -> dict[str, FailureAxis]:
    prior: Any = settings.simulate
    return {axis.name: axis for axis in failure_axes(prior, COUNT, SEED)}


def seen(problem: Problem, settings: ProblemSettings, images: FailureImages) -> dict[str, torch.Tensor]:
    """What a model is given of them."""
    asked: Any = problem
    (batch,) = observed(asked, images.stored, settings, seed=[3], device=CPU, delivery=images.delivery)
    return dict(batch.inputs)


def ours(of: FailureGalaxies, **changed: Any) -> np.ndarray[Any, Any]:
    """The galaxies by our own renderer, which has a slope and offsets, too."""
    table = of.table.assign(**{name: value for name, value in changed.items() if name in of.table})
    columns = [torch.from_numpy(table[name].to_numpy(copy=True)) for name in (*PARAMETERS, "psf_fwhm")]
    others = {name: value for name, value in changed.items() if name not in of.table}
    stamps: np.ndarray[Any, Any] = render(columns[0] * FLUX_UNIT, *columns[1:], **others).numpy()
    return stamps


def assert_near(stamps: Any, expected: Any) -> None:
    peak = np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(stamps / peak, expected / peak, atol=NEAR)


def test_nothing_departs_where_it_was_trained(problem: Problem, settings: ProblemSettings) -> None:
    """Every axis that a model is told nothing of has the same images there, and tests find their false alarms."""
    found = {name: axis for name, axis in axes(settings).items() if name not in ("sigma", "snr", "psf_fwhm")}
    ordinary = seen(problem, settings, galaxies(settings).ordinary)
    assert len(found) == 11
    for name, axis in found.items():
        low, high = axis.trained
        assert low == high
        images = axis.draw(low)
        assert images.limit_power == pytest.approx(0.01, abs=1e-9), name
        for field, array in seen(problem, settings, images).items():
            assert torch.equal(array, ordinary[field]), (name, field)


def test_known_conditions_are_no_departure(settings: ProblemSettings) -> None:
    found = axes(settings)
    for name in ("sigma", "snr", "psf_fwhm"):
        assert found[name].draw(found[name].values[0]).limit_power is None


@pytest.mark.parametrize("departures", [{}, {"psf_shear": np.zeros((2, COUNT))}, {"offset": np.zeros((2, COUNT))}])
def test_galsim_agrees_with_our_renderer_where_nothing_departs(
    settings: ProblemSettings, departures: dict[str, Any]
) -> None:
    of = galaxies(settings)
    assert_near(of.by_galsim(**departures), of.ordinary.stored["stamp"])


def test_departures_by_galsim_are_those_of_our_renderer(settings: ProblemSettings) -> None:
    """Slope, width, offset, and neighbours from beside the galaxy to beyond the edge of the stamp."""
    of = galaxies(settings)
    assert_near(of.with_psf_slope(2.5).stored["stamp"], ours(of, beta=2.5))
    wider = of.table["psf_fwhm"].to_numpy() * 1.1
    assert_near(of.with_psf_width(1.1).stored["stamp"], ours(of, psf_fwhm=wider))
    angle = np.linspace(0, 6, COUNT)
    along = np.stack([np.cos(angle), np.sin(angle)])
    dx, dy = torch.from_numpy(0.7 * along)
    assert_near(of.by_galsim(offset=0.7 * along), ours(of, dx=dx, dy=dy))
    own = {name: of.table[name].to_numpy() for name in ("flux", "psf_fwhm")}
    turned = {name: of.table[name].to_numpy()[::-1] for name in PARAMETERS[1:]}
    for distance in (8.0, 40.0):
        dx, dy = torch.from_numpy(distance * along)
        neighbours = ours(of, **turned, **own, dx=dx, dy=dy)
        peak = of.ordinary.stored["stamp"].max()
        np.testing.assert_allclose(of.neighbours(distance * along), neighbours, atol=NEAR * peak)


def test_sheared_psf_stretches_the_image_along_itself(settings: ProblemSettings) -> None:
    of, shear = galaxies(settings), np.zeros((2, COUNT))
    shear[0] = 0.1
    change = of.by_galsim(psf_shear=shear) - of.by_galsim()
    at = np.arange(change.shape[1]) - (change.shape[1] - 1) / 2
    inner = np.hypot(at[:, None], at) < 8
    assert (((at**2 - at[:, None] ** 2) * inner * change).sum(axis=(1, 2)) > 0).all()


def test_mixture_with_kolmogorovs_psf_is_linear_and_ends_at_it(settings: ProblemSettings) -> None:
    of = galaxies(settings)
    none, half, whole = (of.with_kolmogorov(share).stored["stamp"] for share in (0, 0.5, 1))
    np.testing.assert_allclose(half, (none + whole) / 2, rtol=1e-6)
    np.testing.assert_array_equal(whole, of.by_galsim(kolmogorov=True))
    np.testing.assert_array_equal(none, of.ordinary.stored["stamp"])


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5])
def test_correlated_noise_has_its_correlation_and_variance(
    problem: Problem, settings: ProblemSettings, correlation: float
) -> None:
    """Beside the galaxy's own noise, by which the pixels of a bright stamp differ."""
    prior: Any = settings.simulate
    count, size = 48, prior.size
    stored = {
        **dict(galaxies(settings, count).ordinary.stored),
        "stamp": np.broadcast_to(np.linspace(0, 3e5, size, dtype=np.float32), (count, size, size)),
    }
    images = FailureImages(stored=stored, bound=np.ones((count, 5)), delivery=correlated(correlation, prior))
    noise = seen(problem, settings, images)["image"].numpy() - stored["stamp"]
    expected = np.sqrt(stored["sigma"][:, None, None] ** 2 + stored["stamp"])
    white = noise / expected
    assert white.std() == pytest.approx(1, abs=0.01)
    assert white[:, :, -8:].std() == pytest.approx(1, abs=0.02)
    for axis in (1, 2):
        assert (white * np.roll(white, 1, axis)).mean() == pytest.approx(correlation, abs=0.01)
    spectrum = (np.abs(np.fft.fft2(white)) ** 2).mean(axis=0) / size**2
    said = correlated_spectrum(correlation, size)
    assert said.mean() == pytest.approx(1)
    assert (spectrum / said).mean() == pytest.approx(1, abs=0.01)


def test_deliveries_change_what_they_say_and_depend_on_no_batch(problem: Problem, settings: ProblemSettings) -> None:
    of = galaxies(settings)
    before, sigma = seen(problem, settings, of.ordinary), of.table["sigma"].to_numpy(dtype=np.float32)

    def after(delivery: Any) -> dict[str, torch.Tensor]:
        return seen(problem, settings, of.delivered(delivery, 0.5))

    told = after(misstated(1.4))
    assert torch.equal(told["image"], before["image"])
    np.testing.assert_allclose(told["sigma"].numpy(), 1.4 * sigma, rtol=1e-6)
    added = after(with_sky(-0.1))["image"] - before["image"]
    np.testing.assert_allclose(added.mean(dim=(1, 2)), -0.1 * sigma, rtol=1e-3)
    lost = after(zeroed(0.1))["image"]
    assert float((lost == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(lost[lost != 0], before["image"][lost != 0])
    asked: Any = problem
    some = {name: array[:2] for name, array in of.ordinary.stored.items()}
    (alone,) = observed(asked, some, settings, seed=[3], device=CPU, delivery=zeroed(0.1))
    assert torch.equal(alone.inputs["image"], lost[:2])


def test_galaxies_of_the_maps_are_the_priors_at_every_value_that_was_trained(settings: ProblemSettings) -> None:
    """A posterior rightly finds none beyond it, and its map would call the training's own noise a failure."""
    prior: Any = settings.simulate
    for axis in failure_axes(prior, 200, 3):
        low, high = axis.trained
        for value in (value for value in axis.values if low <= value <= high):
            stored = axis.draw(value).stored
            shear = np.hypot(stored["g1"], stored["g2"])
            assert len(np.unique(stored["n"])) <= 32  # for each GalSim builds a table
            for name, values in {**stored, "ellipticity": shear}.items():
                if hasattr(prior, name) and name != "sigma":  # noise makes up for the SNR on an axis of its own
                    least, most = getattr(prior, name)
                    assert least <= values.min() <= values.max() <= most, (axis.name, value, name)
