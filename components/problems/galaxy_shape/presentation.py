"""How galaxies are shown to a network in training: scales, noise, PSFs and symmetries.

Everything here decides what a training comes to. Shape suffixes: b batch, h height, w width, c conditions
(`CONDITIONS`), p parameters (`PARAMETERS`).
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from components.core import TrainSettings
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.simulators.sersic import FLUX_UNIT, PARAMETERS, SersicSettings, sample_prior
from models.galaxies import render_rows

__label__ = "galaxy_training"

CONDITIONS = ("sigma", "psf_fwhm")
UNITS = {
    "flux": "1e5 counts",
    "n": "",
    "half_light_radius": "arcsec",
    "g1": "",
    "g2": "",
    "sigma": "counts",
    "psf_fwhm": "arcsec",
}

_SCALES = {"flux": "log_over_noise", "n": "uniform", "half_light_radius": "uniform", "g1": "linear", "g2": "linear"}
"""On which scale each parameter's error is closest to Gaussian; a network that sees image/σ sees flux/σ."""

_PRIOR_SAMPLE = 4096
_BEYOND = 100.0
"""How far beyond the prior's ends a scored flux may lie."""


def estimator_config(settings: SersicSettings, train: TrainSettings) -> dict[str, Any]:
    """Network and scales; means and sds are those of the prior."""
    prior = sample_prior(settings, np.random.default_rng([settings.seed, 2]), _PRIOR_SAMPLE)
    return {
        "network": train.network,
        "width": train.width,
        "size": settings.size,
        "unit": "counts",
        "noise": "sigma",
        "conditions": [{"name": name, "unit": UNITS[name], **_mean_and_sd(np.log(prior[name]))} for name in CONDITIONS],
        "outputs": [
            {"name": name, "unit": UNITS[name], "scale": _SCALES[name], **_scale_numbers(name, prior, settings)}
            for name in PARAMETERS
        ],
        "scoring_steps": 0,
        "drawing": {
            **{"size": settings.size, "pixel_scale": settings.pixel_scale, "beta": settings.psf_beta},
            "shot_noise": settings.shot_noise,
            "flux_unit": FLUX_UNIT,
            "domain": {
                # Brightness has no edge: a galaxy brighter than all that were trained on is the same galaxy.
                "flux": [settings.flux[0] / _BEYOND, settings.flux[1] * _BEYOND],
                **{name: list(getattr(settings, name)) for name in ("n", "half_light_radius")},
                "shear": settings.ellipticity[1],
            },
        },
    }


def observe(stamp_bhw: Tensor, conditions_bc: Tensor, generator: Generator, settings: SersicSettings) -> Tensor:
    """Gaussian noise of each image's own σ, and the galaxy's Poisson noise when that is switched on.

    Both are drawn as one normal of their joint variance σ² + p: the sum's skewness is at most 0.385/σ, which is
    0.002 at σ = 200 counts, and a Poisson draw would take longer than the training step.
    """
    variance_b11 = conditions_bc[:, CONDITIONS.index("sigma"), None, None] ** 2
    # The transform leaves tiny negative pixels, which have no counts to fluctuate.
    variance_bhw = stamp_bhw.clamp_min(0) + variance_b11 if settings.shot_noise else variance_b11
    noise_bhw = torch.randn(stamp_bhw.shape, generator=generator, device=stamp_bhw.device)
    return torch.addcmul(stamp_bhw, noise_bhw, variance_bhw.sqrt())


def draw_afresh(
    stamp_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor, generator: Generator, all_settings: GalaxyShapeSettings
) -> tuple[Tensor, Tensor]:
    """The same galaxies under another PSF and noise level, where params.yaml asks for that.

    Where the SNR would leave the prior's range the image stays as it was, which leaves the prior as it is: it is a
    step of an independence sampler (Tierney 1994).
    """
    if not all_settings.train.fresh_conditions:
        return stamp_bhw, conditions_bc
    settings = all_settings.simulate
    low, high = torch.tensor([settings.sigma, settings.psf_fwhm], device=stamp_bhw.device).T
    uniform_bc = torch.rand(conditions_bc.shape, generator=generator, device=stamp_bhw.device)
    fresh_bc = low + (high - low) * uniform_bc
    galaxy_bp = truth_bp * truth_bp.new_tensor([FLUX_UNIT, 1, 1, 1, 1])
    fresh_bhw = render_rows(galaxy_bp, fresh_bc[:, CONDITIONS.index("psf_fwhm")], settings.camera)
    snr_b = fresh_bhw.square().sum(dim=(1, 2)).sqrt() / fresh_bc[:, CONDITIONS.index("sigma")]
    seen_b = (snr_b >= settings.snr[0]) & (snr_b <= settings.snr[1])
    kept_bhw = torch.where(seen_b[:, None, None], fresh_bhw, stamp_bhw)
    return kept_bhw, torch.where(seen_b[:, None], fresh_bc, conditions_bc)


def augment(image_bhw: Tensor, truth_bp: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """One of the eight symmetries of the square: a quarter turn flips the shear's sign, a mirror that of g2."""
    turns, mirror = (int(torch.randint(high, (), generator=generator, device=generator.device)) for high in (4, 2))
    g1, g2 = PARAMETERS.index("g1"), PARAMETERS.index("g2")
    sign_p = torch.ones(truth_bp.shape[1], device=truth_bp.device)
    if turns % 2:
        sign_p[[g1, g2]] *= -1
    image_bhw = torch.rot90(image_bhw, turns, dims=(1, 2))
    if mirror:
        sign_p[g2] *= -1
        image_bhw = image_bhw.flip(2)
    return image_bhw, truth_bp * sign_p


def _scale_numbers(name: str, prior: pd.DataFrame, settings: SersicSettings) -> dict[str, float]:
    """What `models.estimators.scales.Scales` needs to know of a parameter's prior."""
    if _SCALES[name] == "uniform":
        low, high = getattr(settings, name)
        return {"low": low, "high": max(high, low + 1e-3)}
    return _mean_and_sd(np.log(prior[name] / prior["sigma"]) if _SCALES[name] == "log_over_noise" else prior[name])


def _mean_and_sd(values: Any) -> dict[str, float]:
    # A prior may be a single value; the network then sees a constant.
    return {"mean": float(np.mean(values)), "sd": max(float(np.std(values)), 1e-3)}
