"""How an estimator's answer is drawn again: the camera, the noise and the prior, from a plain dictionary.

    drawing = GalaxyDrawing(config["drawing"], ("sigma", "psf_fwhm"))
    examined = drawing.examine(image_bhw, value_bp, conditions_bc)

Values are in the units of an answer, in which flux is counted in `flux_unit`. Shape suffixes: b batch, h height,
w width, c conditions, s places of an image, p parameters (`SHAPE`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from models.galaxies.examining import Examined, examine
from models.galaxies.fitting import library
from models.galaxies.parameters import INDEX_RANGE, SHAPE, Camera, Domain
from models.galaxies.posterior import Modes, find_modes, weigh_places
from models.galaxies.prior import GalaxyPrior
from models.galaxies.scoring import MOST_STEPS, Scored, score

__label__ = "galaxy_drawing"

_PARTS = 512
"""Of each range of the usual domain: a search takes no more steps for it; with 64 it took half as many again."""
_SMALLER, _LARGER = 5.0, 1.5
"""How far beyond the usual half-light radii a search goes. Wider by far, and it would take a grid of twice the work for
one image in a hundred that ends there, and says so."""
_LARGEST_SHEAR = 0.8
"""|g| that a search goes to, an axis ratio of 0.11, for the same reason: 5 % of images end there, 8 % at 0.67."""


_WALL = 0.05
"""Of SNR, beyond the prior's range: steep beside its error of 1, and yet it says which galaxies are nearest to it."""
_BESIDE = 1.0
"""Of the SNR found beyond the prior's range, which is its error: farther away galaxies are not of those."""


class GalaxyDrawing:
    """One camera's galaxies.

    Args:
        config: with the keys size, pixel_scale, beta, shot_noise, flux_unit, domain {flux, n, half_light_radius,
            shear}, where most galaxies are, and prior, the same with snr, both with flux in units of flux_unit.
        conditions: names of the conditions, `sigma` (noise of a pixel, counts) and `psf_fwhm` (arcseconds) among them.
    """

    def __init__(self, config: Mapping[str, Any], conditions: Sequence[str]) -> None:
        library()  # what cannot be compiled here is known before the first image
        self._sigma, self._fwhm = conditions.index("sigma"), conditions.index("psf_fwhm")
        self.camera = Camera(size=config["size"], pixel_scale=config["pixel_scale"], beta=config["beta"])
        self.shot_noise = bool(config["shot_noise"])
        self.flux_unit = float(config["flux_unit"])
        domain = config["domain"]
        low, high = domain["flux"]
        self._usual = Domain(
            flux=(low * self.flux_unit, high * self.flux_unit),
            n=tuple(domain["n"]),
            half_light_radius=tuple(domain["half_light_radius"]),
            shear=domain["shear"],
        )
        self.prior = GalaxyPrior.of(config["prior"])
        self._prior_in_counts = GalaxyPrior.of(config["prior"], self.flux_unit)
        low, high = self._usual.half_light_radius
        self.domain = replace(
            self._usual,
            n=INDEX_RANGE,
            half_light_radius=(low / _SMALLER, high * _LARGER),
            shear=max(self._usual.shear, _LARGEST_SHEAR),
        )

    def score(self, image_bhw: Tensor, start_bp: Tensor, conditions_bc: Tensor, steps: int = MOST_STEPS) -> Scored:
        """The maximum of the likelihood within the domain, in the units of an answer and their dtype.

        Args:
            image_bhw: observed counts.
            start_bp: any estimate.
            conditions_bc: the conditions of each image.
            steps: the most of one search.

        Raises:
            ValueError: when an argument cannot be drawn; it is named, with its value and range.
        """
        unit_p = self._unit(start_bp)
        scored = score(
            image_bhw,
            self._rounded(start_bp * unit_p),
            conditions_bc[:, self._sigma],
            conditions_bc[:, self._fwhm],
            self.camera,
            steps=steps,
            shot_noise=self.shot_noise,
            domain=self.domain,
        )
        return replace(
            scored,
            maximum_bp=(scored.maximum_bp / unit_p).to(start_bp.dtype),
            covariance_bpp=(scored.covariance_bpp / (unit_p[:, None] * unit_p)).to(start_bp.dtype),
        )

    def modes(self, image_bhw: Tensor, start_bp: Tensor, conditions_bc: Tensor) -> Modes:
        """The mode of each image's posterior, on the scale of `prior`; arguments as of `score`."""
        return find_modes(
            image_bhw,
            start_bp * self._unit(start_bp),
            conditions_bc[:, self._sigma],
            conditions_bc[:, self._fwhm],
            self.camera,
            self._prior_in_counts,
            shot_noise=self.shot_noise,
        )

    def weigh(self, image_bhw: Tensor, place_bsp: Tensor, conditions_bc: Tensor, found_snr_b: Tensor) -> Tensor:
        """Ln of each image's posterior at places on the scale of `prior`, up to a constant of the image, shape (b, s).

        It falls off as a steep Gaussian where the SNR leaves the prior's range; not for an image whose own SNR says
        that it was never chosen by that.

        Args:
            image_bhw: observed counts.
            place_bsp: places.
            conditions_bc: the conditions of each image.
            found_snr_b: of the galaxy found.
        """
        log_bs, snr_bs = weigh_places(
            image_bhw,
            place_bsp,
            conditions_bc[:, self._sigma],
            conditions_bc[:, self._fwhm],
            self.camera,
            self._prior_in_counts,
            shot_noise=self.shot_noise,
        )
        low, high = self.prior.snr
        beyond_bs = (low - snr_bs).clamp_min(0) + (snr_bs - high).clamp_min(0)
        chosen_b = (found_snr_b >= low - _BESIDE) & (found_snr_b <= high + _BESIDE)
        return log_bs - 0.5 * (chosen_b[:, None] * beyond_bs / _WALL).square()

    def examine(self, image_bhw: Tensor, value_bp: Tensor, conditions_bc: Tensor) -> Examined:
        """Images against their answers drawn, parameters in the units of an answer."""
        unit_p = self._unit(value_bp).double()
        examined = examine(
            image_bhw,
            value_bp * unit_p,
            conditions_bc[:, self._sigma],
            conditions_bc[:, self._fwhm],
            self.camera,
            shot_noise=self.shot_noise,
            domain=self.domain,
        )
        return replace(
            examined,
            moved_bcp=examined.moved_bcp / unit_p,
            covariance_bpp=examined.covariance_bpp / (unit_p[:, None] * unit_p),
        )

    def widths(self, like_bp: Tensor) -> Tensor:
        """Of the domain in each parameter, in the units of an answer, shape (p,)."""
        domain = self.domain
        ends = (domain.flux, domain.n, domain.half_light_radius, *[(-domain.shear, domain.shear)] * 2)
        return like_bp.new_tensor([high - low for low, high in ends]) / self._unit(like_bp)

    def snr(self, scored: Scored, conditions_bc: Tensor) -> Tensor:
        """√(Σ p²)/σ of the galaxies found."""
        return (scored.norm_b / conditions_bc[:, self._sigma]).float()

    def _rounded(self, start_bp: Tensor) -> Tensor:
        """Starts on a coarse grid: the last bits of a network, which depend on its batch, hardly ever decide then."""
        domain = self._usual
        ends = (domain.flux, domain.n, domain.half_light_radius, *[(-domain.shear, domain.shear)] * 2)
        step_p = start_bp.new_tensor([(high - low) / _PARTS for low, high in ends])
        return (start_bp / step_p).round() * step_p

    def _unit(self, like_bp: Tensor) -> Tensor:
        unit_p: Tensor = like_bp.new_tensor([self.flux_unit] + [1.0] * (len(SHAPE) - 1))
        return unit_p
