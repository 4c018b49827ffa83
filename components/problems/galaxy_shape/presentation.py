"""How galaxies are shown to a network: fields, scales, noise, PSFs and symmetries.

Everything here decides what a training comes to. Shape suffixes: b batch, h height, w width, c conditions
(`CONDITIONS`), p parameters (`PARAMETERS`).
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.core import TrainSettings
from components.fields import Seeds, normal, uniform
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.simulators.sersic import FLUX_UNIT, PARAMETERS, SersicSettings, sample_prior
from models.fields import Arrays, Field
from models.galaxies import LEAST_FWHM, render_rows

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

_NOISE, _CONDITIONS, _SYMMETRY = range(3)
"""Streams of random numbers of each image."""
_PRIOR_SAMPLE = 4096
_BEYOND = 100.0
"""How far beyond the prior's ends a scored flux may lie."""
_FAR = 10.0
"""How far beyond the prior's ends a condition may lie: failure maps reach to a fourth of it, and there models fail."""


def image_field(name: str, settings: SersicSettings) -> Field:
    """An image of the camera."""
    return Field(name=name, shape=(settings.size, settings.size), unit="counts", pixel_scale=settings.pixel_scale)


def condition_fields(settings: SersicSettings) -> tuple[Field, ...]:
    """What an image was taken under; what cannot be drawn, or is far from all that was trained, is refused."""
    least = {"psf_fwhm": LEAST_FWHM * settings.pixel_scale * (1 - 1e-6), "sigma": 0.0}
    ends = {name: getattr(settings, name) for name in CONDITIONS}
    return tuple(
        Field(
            name=name,
            unit=UNITS[name],
            limits=(max(least[name], low / _FAR), high * _FAR),
            estimated=name == "sigma",
        )
        for name, (low, high) in ends.items()
    )


def truth_fields() -> tuple[Field, ...]:
    """What models are to find."""
    return tuple(Field(name=name, unit=UNITS[name]) for name in PARAMETERS)


def present(
    stored: Arrays, seed_b: Seeds, settings: GalaxyShapeSettings, *, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Images under noise with their conditions, and truths with the image that has no noise."""
    stamp_bhw = stored["stamp"]
    conditions_bc, truth_bp = (torch.stack([stored[name] for name in names], 1) for names in (CONDITIONS, PARAMETERS))
    if training:
        stamp_bhw, conditions_bc = draw_afresh(stamp_bhw, conditions_bc, truth_bp, seed_b, settings)
        stamp_bhw, truth_bp = augment(stamp_bhw, truth_bp, seed_b)
    image_bhw = observe(stamp_bhw, conditions_bc, seed_b, settings.simulate)
    inputs = {"image": image_bhw, **dict(zip(CONDITIONS, conditions_bc.unbind(1), strict=True))}
    return inputs, {**dict(zip(PARAMETERS, truth_bp.unbind(1), strict=True)), "clean_image": stamp_bhw}


def estimator_config(settings: SersicSettings, train: TrainSettings) -> dict[str, Any]:
    """Network and scales; means and sds are those of the prior."""
    prior = sample_prior(settings, np.random.default_rng([settings.seed, 2]), _PRIOR_SAMPLE)
    return {
        "kind": "numbers",
        "network": train.network,
        "width": train.width,
        "size": settings.size,
        "unit": "counts",
        "noise": "sigma",
        "conditions": [
            {
                **{"name": of.name, "unit": of.unit, "limits": list(of.limits), "estimated": of.estimated},
                **_mean_and_sd(np.log(prior[of.name])),
            }
            for of in condition_fields(settings)
        ],
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
            "prior": {
                **{name: list(getattr(settings, name)) for name in ("flux", "n", "half_light_radius", "snr")},
                "shear": settings.ellipticity[1],
            },
        },
        "familiar": None,
    }


def observe(stamp_bhw: Tensor, conditions_bc: Tensor, seed_b: Seeds, settings: SersicSettings) -> Tensor:
    """Gaussian noise of each image's own σ, and the galaxy's Poisson noise when that is switched on.

    Both are drawn as one normal of their joint variance σ² + p: the sum's skewness is at most 0.385/σ, which is
    0.002 at σ = 200 counts, and a Poisson draw would take longer than the training step.
    """
    variance_b11 = conditions_bc[:, CONDITIONS.index("sigma"), None, None] ** 2
    # The transform leaves tiny negative pixels, which have no counts to fluctuate.
    variance_bhw = stamp_bhw.clamp_min(0) + variance_b11 if settings.shot_noise else variance_b11
    noise_bhw = normal(seed_b, stamp_bhw.shape[1:], stream=_NOISE, device=stamp_bhw.device)
    return torch.addcmul(stamp_bhw, noise_bhw, variance_bhw.sqrt())


def draw_afresh(
    stamp_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor, seed_b: Seeds, all_settings: GalaxyShapeSettings
) -> tuple[Tensor, Tensor]:
    """The same galaxies under another PSF and noise level, where params.yaml asks for that.

    Where the SNR would leave the prior's range the image stays as it was, which leaves the prior as it is: it is a
    step of an independence sampler (Tierney 1994).
    """
    if not all_settings.train.fresh_conditions:
        return stamp_bhw, conditions_bc
    settings = all_settings.simulate
    low, high = torch.tensor([settings.sigma, settings.psf_fwhm], device=stamp_bhw.device).T
    uniform_bc = uniform(seed_b, (len(CONDITIONS),), stream=_CONDITIONS, device=stamp_bhw.device)
    fresh_bc = low + (high - low) * uniform_bc
    galaxy_bp = truth_bp * truth_bp.new_tensor([FLUX_UNIT, 1, 1, 1, 1])
    fresh_bhw = render_rows(galaxy_bp, fresh_bc[:, CONDITIONS.index("psf_fwhm")], settings.camera)
    snr_b = fresh_bhw.square().sum(dim=(1, 2)).sqrt() / fresh_bc[:, CONDITIONS.index("sigma")]
    seen_b = (snr_b >= settings.snr[0]) & (snr_b <= settings.snr[1])
    kept_bhw = torch.where(seen_b[:, None, None], fresh_bhw, stamp_bhw)
    return kept_bhw, torch.where(seen_b[:, None], fresh_bc, conditions_bc)


def augment(image_bhw: Tensor, truth_bp: Tensor, seed_b: Seeds) -> tuple[Tensor, Tensor]:
    """Each under one of the square's eight symmetries: a quarter turn flips the shear's sign, a mirror that of g2."""
    symmetry_b = (8 * uniform(seed_b, (), stream=_SYMMETRY, device=image_bhw.device)).long()
    turns_b, mirrored_b = symmetry_b % 4, symmetry_b >= 4
    # All turns of all images: to choose the images of each would be to wait for their number.
    moved_bhw = image_bhw
    for turns in range(1, 4):
        turned_bhw = torch.rot90(image_bhw, turns, dims=(1, 2))
        moved_bhw = torch.where((turns_b == turns)[:, None, None], turned_bhw, moved_bhw)
    moved_bhw = torch.where(mirrored_b[:, None, None], moved_bhw.flip(2), moved_bhw)
    sign_bp = torch.ones_like(truth_bp)
    for name in ("g1", "g2"):
        sign_bp[:, PARAMETERS.index(name)] *= (1 - 2 * (turns_b % 2)).to(truth_bp.dtype)
    sign_bp[:, PARAMETERS.index("g2")] *= (1 - 2 * mirrored_b.long()).to(truth_bp.dtype)
    return moved_bhw, truth_bp * sign_bp


def _scale_numbers(name: str, prior: pd.DataFrame, settings: SersicSettings) -> dict[str, float]:
    """What `models.estimators.numbers.scales.Scales` needs to know of a parameter's prior."""
    if _SCALES[name] == "uniform":
        low, high = getattr(settings, name)
        return {"low": low, "high": max(high, low + 1e-3)}
    return _mean_and_sd(np.log(prior[name] / prior["sigma"]) if _SCALES[name] == "log_over_noise" else prior[name])


def _mean_and_sd(values: Any) -> dict[str, float]:
    # A prior may be a single value; the network then sees a constant.
    return {"mean": float(np.mean(values)), "sd": max(float(np.std(values)), 1e-3)}
