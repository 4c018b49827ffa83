"""What the image of one galaxy and the prior say together: the reference for every claim to be optimal.

posterior, log_density = galaxy_posterior(image, sigma=200, psf_fwhm=0.5, start=estimate, settings=settings, seed=0)
log_density(truth[None])
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from components.simulators.importance_sampling import Posterior, sample_posterior
from components.simulators.sersic.bounds import galaxy_fisher
from components.simulators.sersic.prior import FLUX_UNIT, Array, SersicSettings, log_prior
from components.simulators.threads import one_thread
from models.galaxies import render_rows, score

__label__ = "sersic_posterior"


def galaxy_posterior(
    image: np.ndarray[Any, Any],
    sigma: float,
    psf_fwhm: float,
    start: Array,
    settings: SersicSettings,
    *,
    samples: int = 1024,
    least_effective: float = 400,
    seed: int,
) -> tuple[Posterior, Callable[[Array], Array]]:
    """Posterior of `PARAMETERS`, in their units, under the exact likelihood, and ln of its density.

    Args:
        image: observed counts, shape (size, size).
        sigma: standard deviation of a pixel's Gaussian noise, counts.
        psf_fwhm: arcseconds.
        start: an estimate of `PARAMETERS`, shape (5,); scoring improves it.
        settings: prior, cut on the SNR, camera, and whether there is shot noise.
        samples: of each of eight rounds.
        least_effective: fewer effective samples are refused.
        seed: of the samples.

    Raises:
        TooFewDrawsError: when the effective sample size is too small.
    """
    units = np.array([FLUX_UNIT, 1, 1, 1, 1])
    camera = settings.camera
    image_hw = torch.from_numpy(np.asarray(image, dtype=np.float32))
    sigma_1, fwhm_1 = torch.tensor([sigma]), torch.tensor([psf_fwhm])

    def log_density(points: Array) -> Array:
        galaxies = _galaxies(points)
        # The prior in the plane of the shear has a pole at its centre, which the square root takes away.
        shear = np.hypot(galaxies[:, 3], galaxies[:, 4])
        density: Array = log_prior(galaxies, settings) + np.log(np.maximum(shear, 1e-12))
        possible = np.isfinite(density)
        if not possible.any():
            return density
        parameters = torch.from_numpy((galaxies[possible] * units).astype(np.float32))
        parameters[:, 1].clamp_(*settings.n)  # rounding may carry it over the edge of what can be drawn
        model_bhw = render_rows(parameters, fwhm_1.expand(len(parameters)), camera)
        variance_bhw = torch.full_like(model_bhw, sigma**2)
        if settings.shot_noise:
            variance_bhw += model_bhw.clamp_min(0)
        deviance_b = ((image_hw - model_bhw) ** 2 / variance_bhw + variance_bhw.log()).sum((1, 2), dtype=torch.float64)
        snr_b = model_bhw.square().sum((1, 2)).sqrt() / sigma
        seen_b = (snr_b >= settings.snr[0]) & (snr_b <= settings.snr[1])
        density[possible] += torch.where(seen_b, -0.5 * deviance_b, -torch.inf).numpy()
        return density

    with one_thread():
        begin = torch.from_numpy((np.asarray(start) * units).astype(np.float32))[None]
        scored = score(
            image_hw[None],
            begin,
            sigma_1,
            fwhm_1,
            camera,
            shot_noise=settings.shot_noise,
            domain=settings.domain,
        )
        fisher_1pp = galaxy_fisher(scored.maximum_bp.float(), fwhm_1, sigma_1, camera, shot_noise=settings.shot_noise)
        # The prior's own width bounds what an image says nothing about.
        width = np.array([np.ptp(settings.flux), np.ptp(settings.n), np.ptp(settings.half_light_radius), 1, 1])
        prior_pp = np.diag(1 / np.maximum(width, 1e-6) ** 2)
        information = fisher_1pp[0].numpy() * np.outer(units, units) + prior_pp
        estimate = scored.maximum_bp[0].numpy() / units
        shrink = 1 / np.sqrt(max(np.hypot(estimate[3], estimate[4]), 0.05))
        stretch = np.array([1, 1, 1, shrink, shrink])
        found = sample_posterior(
            log_density,
            estimate * stretch,
            np.linalg.inv(information) * np.outer(stretch, stretch),
            quantities=_galaxies,
            samples=samples,
            least_effective=least_effective,
            seed=seed,
        )

    def log_posterior(galaxies: Array) -> Array:
        """Ln of the joint density of galaxies, shape (s, 5), in the units of `PARAMETERS`; −inf beyond the prior."""
        length = np.maximum(np.hypot(galaxies[:, 3], galaxies[:, 4]), 1e-12)
        points = np.column_stack([galaxies[:, :3], galaxies[:, 3:] / np.sqrt(length)[:, None]])
        # From density in the coordinates, which has |g| of their determinant 2 |g|, to density in the plane of g.
        with one_thread():
            density: Array = log_density(points) - np.log(2 * length) - found.log_evidence
        return density

    return found, log_posterior


def _galaxies(points: Array) -> Array:
    """`PARAMETERS` from points whose last two coordinates are the shear over the square root of its length."""
    length = np.hypot(points[:, 3], points[:, 4])
    return np.column_stack([points[:, :3], points[:, 3:] * length[:, None]])
