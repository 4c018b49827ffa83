"""The mean of each pixel given an image, its PSF and the prior: no answer has a smaller mean squared error.

    mean_hw, effective = posterior_image(image_hw, psf_kk, sigma, galaxy, settings, seed=0)

By importance sampling (`importance_sampling.py`), started at the truth, over index, radius and shear, for each way a
galaxy may lie in its pixels, weighted by evidence. The flux is integrated over by hand: images are linear in it, and
its prior is uniform in the logarithm, since noise levels are set by SNRs that are (Lehmann & Casella 1998, theorem
4.1.1, for the mean being best).
"""

from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from components.simulators.blurred_galaxies.drawing import sharp_images
from components.simulators.blurred_galaxies.settings import BlurredGalaxySettings
from components.simulators.importance_sampling import sample_posterior
from models.estimators.deblurred import blurred, transfer

__label__ = "blurred_galaxy_posterior"

_STEP = (0.05, 0.02, 0.01, 0.01)
"""Of the differences that the first guess of the widths is made by."""
_FAINTER = 20.0
"""In ln of the likelihood: ways to lie in the pixels that are so much worse are left out."""
_LEAST_EFFECTIVE = 100
"""Of the samples: the mean's own error is then a hundredth of the posterior's variance."""
_NOTHING = 1e-200
"""Share of a flux's density that lies at possible SNRs, below which there is none."""
_MOST_DRAWN = 256
"""Images in memory at once."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def posterior_image(
    image_hw: Array,
    psf_kk: Array,
    sigma: float,
    galaxy: dict[str, float],
    settings: BlurredGalaxySettings,
    *,
    samples: int,
    seed: int,
) -> tuple[Array, float]:
    """Mean of each pixel, shape (size, size), and the effective number of samples that it rests on.

    Args:
        image_hw: what was seen, counts.
        psf_kk: its PSF.
        sigma: noise of a pixel.
        galaxy: the truth, to start from: `n`, `half_light_radius`, `g1`, `g2`, `place_x`, `place_y`.
        settings: the prior.
        samples: of each of eight rounds, for each way to lie in the pixels.
        seed: of the samples.

    Raises:
        TooFewDrawsError: when the effective sample size is too small.
    """
    look = _Look(image_hw, psf_kk, sigma, settings)
    start = _point(galaxy)
    begin = {place: float(look.log_density(start[None], place)[0]) for place in _PLACES}
    best = max(begin.values())
    found = []
    for place, there in begin.items():
        if there < best - _FAINTER:
            continue
        covariance = look.first_covariance(start, place)
        posterior = sample_posterior(
            lambda points, place=place: look.log_density(points, place),  # type: ignore[misc]
            start, covariance, samples=samples, least_effective=_LEAST_EFFECTIVE, seed=seed,
        )  # fmt: skip
        found.append((place, posterior))
    share = np.exp([of.log_evidence - logsumexp([other.log_evidence for _, other in found]) for _, of in found])
    mean_hw = sum(
        part * look.mean_image(of.quantity_sq, of.weight_s, place)
        for part, (place, of) in zip(share, found, strict=True)
    )
    return np.asarray(mean_hw), float(min(of.effective_samples for _, of in found))


_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


class _Look:
    """One image, and what points say of it: index, ln radius, and the shear over the root of its length."""

    def __init__(self, image_hw: Array, psf_kk: Array, sigma: float, settings: BlurredGalaxySettings) -> None:
        self._settings, self._sigma = settings, sigma
        self._image_hw = torch.from_numpy(np.asarray(image_hw, dtype=np.float32))
        psf_1kk = torch.from_numpy(np.asarray(psf_kk, dtype=np.float32))[None]
        self._transfer_1hk = transfer(psf_1kk, size=settings.size)

    def log_density(self, points: Array, place: tuple[int, int]) -> Array:
        """Ln of likelihood times prior up to a constant, the flux integrated over, shape (s,)."""
        density = np.full(len(points), -np.inf)
        inside = self._inside(points)
        if inside.any():
            shape_shw = self._drawn(points[inside], place)
            density[inside] = self._of_flux(shape_shw)[0]
        return density

    def mean_image(self, points: Array, weight_s: Array, place: tuple[int, int]) -> Array:
        """Weighted mean of the truth, shape (h, w)."""
        total_hw: Array = np.zeros(self._image_hw.shape)
        counted = np.flatnonzero(weight_s > 1e-7)
        for start in range(0, len(counted), _MOST_DRAWN):
            rows = counted[start : start + _MOST_DRAWN]
            shape_shw = self._drawn(points[rows], place)
            _, flux_s = self._of_flux(shape_shw)
            total_hw += np.tensordot(weight_s[rows] * flux_s, shape_shw.numpy(), axes=1)
        total_hw /= weight_s[counted].sum()
        return total_hw

    def first_covariance(self, start: Array, place: tuple[int, int]) -> Array:
        """From the likelihood's curvature at a point, and the width of the prior, shape (4, 4)."""
        steps = np.diag(_STEP)
        around = np.clip(np.concatenate([start + steps, start - steps]), *self._box())
        drawn_shw = self._drawn(around, place)
        seen_shw = blurred(drawn_shw, self._transfer_1hk)
        _, flux_s = self._of_flux(drawn_shw)
        scaled = (seen_shw * torch.from_numpy(flux_s).float()[:, None, None] / self._sigma).flatten(1).double().numpy()
        width = np.diag(around[:4] - around[4:])
        slope_pn = (scaled[:4] - scaled[4:]) / width[:, None]
        low, high = self._box()
        prior = np.diag(1 / np.square(high - low))
        found: Array = np.linalg.inv(slope_pn @ slope_pn.T + prior)
        return found

    def _of_flux(self, shape_shw: torch.Tensor) -> tuple[Array, Array]:
        """Ln of the likelihood with the flux integrated over, and the flux's mean, shape (s,) each."""
        seen_shw = blurred(shape_shw, self._transfer_1hk)
        square_s = seen_shw.square().sum(dim=(1, 2)).double().numpy()
        product_s = torch.einsum("shw,hw->s", seen_shw, self._image_hw).double().numpy()
        sd_s, best_s = self._sigma / np.sqrt(square_s), product_s / square_s
        # In errors of the flux, SNRs are fluxes. A prior of 1/F moves a Gaussian of many errors by −1/F.
        snr_s = np.maximum(best_s / sd_s, 1)
        low_s, high_s = (end - snr_s for end in self._settings.snr)
        within_s = np.maximum(norm.cdf(high_s) - norm.cdf(low_s), np.finfo(np.float64).tiny)
        mean_s = snr_s - 1 / snr_s + (norm.pdf(low_s) - norm.pdf(high_s)) / within_s
        log_s = product_s**2 / square_s / (2 * self._sigma**2) + np.log(within_s / mean_s)
        return np.where(within_s > _NOTHING, log_s, -np.inf), mean_s * sd_s

    def _drawn(self, points: Array, place: tuple[int, int]) -> torch.Tensor:
        """Galaxies of flux 1, float32, shape (s, h, w)."""
        length = np.hypot(points[:, 2], points[:, 3])
        galaxies = np.column_stack(
            [np.ones(len(points)), points[:, 0], np.exp(points[:, 1]), points[:, 2:] * length[:, None]]
        )
        parts = []
        for start in range(0, len(points), _MOST_DRAWN):
            block = torch.from_numpy(galaxies[start : start + _MOST_DRAWN].astype(np.float32))
            block[:, 1].clamp_(*self._settings.n)  # rounding may carry it over the edge of what can be drawn
            parts.append(sharp_images(block, np.tile(place, (len(block), 1)), self._settings))
        return torch.cat(parts)

    def _inside(self, points: Array) -> Mask:
        """Where the prior allows a galaxy to be."""
        (low, high), (least, most) = self._box(), self._settings.ellipticity
        placed = np.column_stack([points[:, :2], np.square(points[:, 2:]).sum(axis=1)])
        ends = np.array([[*low[:2], least], [*high[:2], most]])
        inside: Mask = np.all((placed >= ends[0]) & (placed <= ends[1]), axis=1)
        return inside

    def _box(self) -> tuple[Array, Array]:
        """Least and largest coordinates."""
        edge = np.sqrt(self._settings.ellipticity[1])
        (n_low, n_high), (small, large) = self._settings.n, np.log(self._settings.half_light_radius)
        return np.array([n_low, small, -edge, -edge]), np.array([n_high, large, edge, edge])


def _point(galaxy: dict[str, float]) -> Array:
    length = np.hypot(galaxy["g1"], galaxy["g2"])
    root = 1 / np.sqrt(max(length, 1e-6))
    return np.array([galaxy["n"], np.log(galaxy["half_light_radius"]), galaxy["g1"] * root, galaxy["g2"] * root])
