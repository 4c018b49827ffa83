"""The renderer: against GalSim, its own laws, its derivatives, and what it refuses."""

import math
import re
from typing import Any

import galsim
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import jvp

from models.galaxies.parameters import CENTROID, SHAPE, Camera
from models.galaxies.rendering import render, render_with_derivatives
from models.galaxies.tables import sersic_transform

NAMES = (*SHAPE, "fwhm")
BENCHMARK = {"flux": 1e5, "n": 3.0, "half_light_radius": 0.3, "g1": -0.069, "g2": 0.15, "fwhm": 0.5}

shears = st.tuples(st.floats(0, 0.6), st.floats(0, 2 * math.pi)).map(
    lambda pair: (pair[0] * math.cos(pair[1]), pair[0] * math.sin(pair[1]))
)
galaxies = st.builds(
    lambda flux, n, radius, shear, fwhm: dict(zip(NAMES, (flux, n, radius, *shear, fwhm), strict=True)),
    st.floats(1e3, 1e6),
    st.floats(0.4, 6.1),
    st.floats(0.1, 0.6),
    shears,
    st.floats(0.5, 1.0),
)


def tensors(galaxy: dict[str, float], **changed: float) -> dict[str, Tensor]:
    return {name: torch.tensor([value], dtype=torch.float64) for name, value in {**galaxy, **changed}.items()}


def draw(galaxy: dict[str, float], **changed: float) -> Tensor:
    return render(**tensors(galaxy, **changed))[0]  # type: ignore[arg-type]


def with_galsim(galaxy: dict[str, float], **camera: Any) -> np.ndarray[Any, Any]:
    accuracy = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-4)
    profile = galsim.Sersic(
        n=galaxy["n"], half_light_radius=galaxy["half_light_radius"], flux=galaxy["flux"], gsparams=accuracy
    ).shear(g1=galaxy["g1"], g2=galaxy["g2"])
    profile = profile.shift(galaxy.get("dx", 0) * 0.23, galaxy.get("dy", 0) * 0.23)
    size = camera.get("size", 64)
    psf = galsim.Moffat(beta=camera.get("beta", 2.0), fwhm=galaxy["fwhm"], gsparams=accuracy)
    image = galsim.Convolve(profile, psf, gsparams=accuracy).drawImage(nx=size, ny=size, scale=0.23, dtype=float)
    return np.asarray(image.array)


@pytest.mark.parametrize(
    ("changed", "camera"),
    [
        ({}, {}),
        ({"n": 0.5}, {}),
        ({"n": 6.0, "half_light_radius": 0.6, "g1": 0.4, "g2": -0.5}, {}),
        ({"n": 6.2, "half_light_radius": 0.1}, {}),
        ({"n": 0.3, "fwhm": 1.0}, {}),
        ({"dx": 1.7, "dy": -0.6}, {}),
        ({"dx": -17.0, "dy": 17.0, "fwhm": 0.2}, {"size": 33}),
        ({}, {"beta": 4.765}),
        ({}, {"size": 33}),
        ({"g1": 0.8, "g2": 0.3}, {}),
        ({"fwhm": 0.2}, {}),
    ],
)
def test_images_are_those_of_galsim(changed: dict[str, float], camera: dict[str, Any]) -> None:
    galaxy = {**BENCHMARK, **changed}
    ours = render(**tensors(galaxy), **camera)[0].numpy()  # type: ignore[arg-type]
    theirs = with_galsim(galaxy, **camera)
    np.testing.assert_allclose(ours, theirs, atol=5e-5 * theirs.max())


@pytest.mark.parametrize("offset", [10.0, 40.0, 64.0])
@pytest.mark.parametrize(
    "shape",
    [
        {"g1": 0.0, "g2": 0.0},
        {"g1": 0.6, "g2": -0.29, "half_light_radius": 0.6},
        {"n": 6.0, "half_light_radius": 0.6, "g1": -0.4, "g2": 0.5, "fwhm": 1.0},
        {"n": 0.5, "half_light_radius": 0.1},
    ],
)
def test_galaxies_anywhere_around_the_centre_are_those_of_galsim(offset: float, shape: dict[str, float]) -> None:
    """Differences in units of the peak of the galaxy in the centre: one beyond the edge has none in its stamp."""
    centred = {**BENCHMARK, **shape}
    peak = float(draw(centred).max())
    for angle in (0.0, 4.0):
        galaxy = {**centred, "dx": offset * math.cos(angle), "dy": offset * math.sin(angle)}
        np.testing.assert_allclose(draw(galaxy).numpy(), with_galsim(galaxy), atol=1e-4 * peak)


@given(galaxies, st.floats(-3, 3))
def test_flux_is_linear(galaxy: dict[str, float], factor: float) -> None:
    torch.testing.assert_close(draw(galaxy, flux=factor * galaxy["flux"]), factor * draw(galaxy))


@given(galaxies)
def test_quarter_turn_changes_the_sign_of_the_shear(galaxy: dict[str, float]) -> None:
    turned = draw(galaxy, g1=-galaxy["g1"], g2=-galaxy["g2"])
    assert_same(torch.rot90(draw(galaxy)), turned)


@given(galaxies, st.floats(-40, 40), st.floats(-40, 40))
def test_mirrors_change_the_sign_of_g2_and_of_the_offset(galaxy: dict[str, float], dx: float, dy: float) -> None:
    image = draw(galaxy, dx=dx, dy=dy)
    assert_same(image.flip(1), draw(galaxy, g2=-galaxy["g2"], dx=-dx, dy=dy))
    assert_same(image.flip(0), draw(galaxy, g2=-galaxy["g2"], dx=dx, dy=-dy))
    assert_same(image.T, draw(galaxy, g1=-galaxy["g1"], dx=dy, dy=dx))


@settings(max_examples=20)
@given(st.floats(0.5, 2.5), st.floats(0.5, 1.0))
def test_half_of_the_flux_lies_within_the_half_light_radius(n: float, fwhm_pixels: float) -> None:
    # A large galaxy under a sharp PSF: what the PSF moves over the edge is of second order in their ratio.
    radius, size, finer = 12.0, 193, 8
    flux, index, r, fwhm = (torch.tensor([value], dtype=torch.float64) for value in (1.0, n, radius, fwhm_pixels))
    zero = torch.zeros_like(flux)
    image = render(flux, index, r, zero, zero, fwhm, size=size, pixel_scale=1.0, beta=5.0)[0]
    axis = (torch.arange(size * finer) + 0.5) / finer - size / 2
    inside = (axis**2 + axis[:, None] ** 2 <= radius**2).double()
    share = inside.view(size, finer, size, finer).mean(dim=(1, 3))
    assert float((image * share).sum()) == pytest.approx(0.5, abs=0.01)


@settings(max_examples=25)
@given(galaxies)
def test_derivatives_are_those_of_finite_differences(galaxy: dict[str, float]) -> None:
    derivatives = derivatives_of(galaxy)
    for name, derivative in derivatives.items():
        step = 1e-4 * (galaxy["flux"] if name == "flux" else 1)
        here = galaxy.get(name, 0.0)
        wider = galaxy | ({} if name in galaxy else {"dx": 0.0, "dy": 0.0})
        difference = (draw(wider, **{name: here + step}) - draw(wider, **{name: here - step})) / (2 * step)
        # Off the centre a wider grid is drawn on: the two differ by what both leave out.
        assert_same(difference, derivative, 1e-4 if name in CENTROID else 1e-5)


@settings(max_examples=10)
@given(galaxies)
def test_derivatives_are_those_of_automatic_differentiation(galaxy: dict[str, float]) -> None:
    centred = {**galaxy, "dx": 0.0, "dy": 0.0}
    values = tensors(centred)
    for name, derivative in derivatives_of(galaxy).items():
        direction = {other: torch.full_like(value, other == name) for other, value in values.items()}
        forward = jvp(lambda values: render(**values), (values,), (direction,))[1]
        assert_same(forward[0], derivative, 1e-10)
    weight = torch.randn(64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
    (render(**leaves)[0] * weight).sum().backward()  # type: ignore[arg-type, no-untyped-call]
    for name, derivative in derivatives_of(galaxy).items():
        reverse = leaves[name].grad
        assert reverse is not None
        assert float(reverse) == pytest.approx(float((derivative * weight).sum()), rel=1e-9)


def derivatives_of(galaxy: dict[str, float]) -> dict[str, Tensor]:
    values = tensors(galaxy)
    parameters = torch.stack([values[name] for name in SHAPE], dim=1)
    names = (*SHAPE, *CENTROID)
    _, derivative = render_with_derivatives(parameters, values["fwhm"], Camera(), names)
    return dict(zip(names, derivative[0], strict=True))


def test_image_does_not_depend_on_its_batch() -> None:
    """Not even on neighbours that need a wider grid; to the rounding of sums in another order."""
    rng = np.random.default_rng(2)
    values = {
        "flux": rng.uniform(1, 4, 150),
        "n": rng.uniform(0.5, 6, 150),
        "half_light_radius": rng.uniform(0.1, 1.5, 150),
        "g1": rng.uniform(-0.65, 0.65, 150),
        "g2": rng.uniform(-0.65, 0.65, 150),
        "fwhm": rng.uniform(0.2, 1, 150),
    }
    batch = {name: torch.from_numpy(value) for name, value in values.items()}
    images = render(**batch)  # type: ignore[arg-type]
    for row in (0, 70, 149):
        alone = render(**{name: value[row : row + 1] for name, value in batch.items()})  # type: ignore[arg-type]
        assert_same(images[row], alone[0], 1e-12)


def test_float32_is_as_good_as_the_renderer() -> None:
    double = tensors(BENCHMARK)
    single = render(**{name: value.float() for name, value in double.items()})  # type: ignore[arg-type]
    assert single.dtype == torch.float32
    assert_same(single[0].double(), draw(BENCHMARK), 3e-6)


def test_tables_made_in_inference_mode_serve_training() -> None:
    with torch.inference_mode():
        render(**tensors(BENCHMARK), size=17, beta=3.3)  # type: ignore[arg-type]
    leaves = {name: value.requires_grad_() for name, value in tensors(BENCHMARK).items()}
    render(**leaves, size=17, beta=3.3).sum().backward()  # type: ignore[arg-type, no-untyped-call]
    assert all(value.grad is not None for value in leaves.values())


@pytest.mark.parametrize(
    ("n", "exact"), [(0.5, lambda k, b: np.exp(-(k**2) / (4 * b))), (1.0, lambda k, b: (1 + (k / b) ** 2) ** -1.5)]
)
def test_transforms_are_the_known_ones(n: float, exact: Any) -> None:
    from scipy.special import gammaincinv

    k = np.geomspace(1e-4, 1e3, 100)
    values, _ = sersic_transform(n, np.log(k))
    np.testing.assert_allclose(values, exact(k, gammaincinv(2 * n, 0.5)), atol=1e-11)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"flux": math.nan}, "flux[0] = nan: must be a finite number"),
        ({"dx": 64.1, "dy": 0.0}, "dx[0] = 64.1: must be within ±64 pixels, the size of the stamp"),
        ({"dx": 0.0, "dy": -65.0}, "dy[0] = -65: must be within ±64 pixels, the size of the stamp"),
        ({"n": 0.29}, "n[0] = 0.29: must be within 0.3 to 6.2"),
        ({"n": 6.3}, "n[0] = 6.3: must be within 0.3 to 6.2"),
        ({"n": math.nan}, "n[0] = nan: must be within 0.3 to 6.2"),
        ({"half_light_radius": 0.0}, "half_light_radius[0] = 0: must be above 0 arcsec"),
        ({"half_light_radius": -1.0}, "half_light_radius[0] = -1: must be above 0 arcsec"),
        ({"fwhm": 0.0}, "fwhm[0] = 0: must be at least 0.115 arcsec, half a pixel"),
        ({"g1": 0.8, "g2": 0.6}, "|g| = 1 must be below 1"),
        ({"g1": math.inf}, "g1[0] = inf: must be a finite number"),
        ({"dx": math.nan, "dy": 0.0}, "dx[0] = nan: must be within ±64 pixels"),
    ],
)
def test_bad_values_are_refused_by_name(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        draw({**BENCHMARK, **changed})


def test_bad_shapes_types_and_cameras_are_refused_by_name() -> None:
    right = tensors(BENCHMARK)
    with pytest.raises(ValueError, match=r"fwhm has shape \(2,\), flux \(1,\)"):
        render(**{**right, "fwhm": torch.ones(2)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"n is of type torch.int64"):
        render(**{**right, "n": torch.tensor([3])})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"flux is empty"):
        render(**{name: value[:0] for name, value in right.items()})  # type: ignore[arg-type]
    for camera, said in (
        ({"size": 0}, "size = 0"),
        ({"pixel_scale": 0.0}, "pixel_scale = 0"),
        ({"beta": 1.0}, "beta = 1"),
    ):
        with pytest.raises(ValueError, match=said):
            render(**right, **camera)  # type: ignore[arg-type]


def assert_same(image: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    largest = float((image - expected).abs().max() / expected.abs().max())
    assert largest <= tolerance
