"""How an estimator's answer is drawn again: the camera, the noise and the prior's domain, from a plain dictionary.

    drawing = GalaxyDrawing(config["drawing"], ("sigma", "psf_fwhm"))
    misfit_b, snr_b = drawing.compare(image_bhw, value_bp, conditions_bc)

Values are in the units of an answer, in which flux is counted in `flux_unit`. Shape suffixes: b batch, h height,
w width, c conditions, p parameters (`SHAPE`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.galaxies.bias import first_order_bias
from models.galaxies.parameters import SHAPE, Camera, Domain
from models.galaxies.pixel_noise import PixelNoise
from models.galaxies.rendering import render_rows
from models.galaxies.scoring import score

__label__ = "galaxy_drawing"

_CHUNK = 64
"""Galaxies drawn at once: with their derivatives they just fit a processor's cache."""


class GalaxyDrawing:
    """One camera's galaxies.

    Args:
        config: with the keys size, pixel_scale, beta, shot_noise, flux_unit, and domain {flux, n, half_light_radius,
            shear}, its flux in units of flux_unit.
        conditions: names of the conditions, `sigma` (noise of a pixel, counts) and `psf_fwhm` (arcseconds) among them.
    """

    def __init__(self, config: Mapping[str, Any], conditions: Sequence[str]) -> None:
        self._sigma, self._fwhm = conditions.index("sigma"), conditions.index("psf_fwhm")
        self.camera = Camera(size=config["size"], pixel_scale=config["pixel_scale"], beta=config["beta"])
        self.shot_noise = bool(config["shot_noise"])
        self.flux_unit = float(config["flux_unit"])
        domain = config["domain"]
        low, high = domain["flux"]
        self.domain = Domain(
            flux=(low * self.flux_unit, high * self.flux_unit),
            n=tuple(domain["n"]),
            half_light_radius=tuple(domain["half_light_radius"]),
            shear=domain["shear"],
        )

    def score(self, image_bhw: Tensor, start_bp: Tensor, conditions_bc: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """The maximum of the likelihood within the domain, and the inverse Fisher matrix there.

        Args:
            image_bhw: observed counts.
            start_bp: any estimate.
            conditions_bc: the conditions of each image.
            steps: of Fisher scoring.

        Returns:
            Shapes (b, p), and (b, p, p) in float64.

        Raises:
            ValueError: when an argument cannot be drawn; it is named, with its value and range.
        """
        unit_p = self._unit(start_bp)
        values, covariances = [], []
        chunks = (torch.split(tensor, _CHUNK) for tensor in (image_bhw, start_bp * unit_p, conditions_bc))
        for image, start, conditions in zip(*chunks, strict=True):
            scored = score(
                image,
                start,
                conditions[:, self._sigma],
                conditions[:, self._fwhm],
                self.camera,
                steps=steps,
                shot_noise=self.shot_noise,
                domain=self.domain,
            )
            values.append(scored.estimate_bp)
            covariances.append(scored.covariance_bpp)
        return torch.cat(values) / unit_p, torch.cat(covariances) / (unit_p[:, None] * unit_p)

    def unbiased(self, estimate_bp: Tensor, covariance_bpp: Tensor, conditions_bc: Tensor) -> Tensor:
        """Scored estimates with their first-order bias taken off, within the domain, shape (b, p)."""
        unit_p = self._unit(estimate_bp)
        scaled_bpp = covariance_bpp * (unit_p[:, None] * unit_p)
        values = []
        chunks = (torch.split(tensor, _CHUNK) for tensor in (estimate_bp * unit_p, scaled_bpp, conditions_bc))
        for estimate, covariance, conditions in zip(*chunks, strict=True):
            fwhm_b = conditions[:, self._fwhm]
            bias = first_order_bias(estimate, covariance, self._noise(conditions), fwhm_b, self.camera)
            values.append(self.domain.clamp(estimate - bias.to(estimate.dtype)))
        return torch.cat(values) / unit_p

    def deviance(self, image_bhw: Tensor, value_bp: Tensor, conditions_bc: Tensor) -> Tensor:
        """−2 ln of the likelihood up to a constant of the image, shape (b,), float64."""
        return self._noise(conditions_bc).deviance(image_bhw, self._model(value_bp, conditions_bc))

    def compare(self, image_bhw: Tensor, value_bp: Tensor, conditions_bc: Tensor) -> tuple[Tensor, Tensor]:
        """An image against its answer drawn.

        Returns:
            (χ² − N) / √(2N) of the residual's χ² over N pixels, and the SNR √(Σ p²)/σ of the drawn galaxy, both of
            shape (b,).
        """
        model_bhw, noise = self._model(value_bp, conditions_bc), self._noise(conditions_bc)
        pixels = self.camera.size**2
        misfit_b = (noise.chi2(image_bhw, model_bhw) - pixels) / (2 * pixels) ** 0.5
        return misfit_b.float(), model_bhw.square().sum(dim=(1, 2)).sqrt() / noise.sigma_b

    def _model(self, value_bp: Tensor, conditions_bc: Tensor) -> Tensor:
        parameters_bp = self.domain.clamp(value_bp * self._unit(value_bp))
        return render_rows(parameters_bp, conditions_bc[:, self._fwhm], self.camera)

    def _noise(self, conditions_bc: Tensor) -> PixelNoise:
        return PixelNoise(sigma_b=conditions_bc[:, self._sigma], shot_noise=self.shot_noise)

    def _unit(self, like_bp: Tensor) -> Tensor:
        unit_p: Tensor = like_bp.new_tensor([self.flux_unit] + [1.0] * (len(SHAPE) - 1))
        return unit_p
