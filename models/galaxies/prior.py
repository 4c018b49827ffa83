"""The prior of galaxies, and the scale on which it is a standard normal distribution.

    prior = GalaxyPrior(flux=(3e4, 4e5), n=(0.5, 6), half_light_radius=(0.1, 0.6), shear=0.67, snr=(10, 100))
    place_bp = prior.standardise(galaxy_bp)

Flux, n and half-light radius are uniform; so are the length of the shear, which is dense at its centre, and its angle.
On this scale no posterior is cut off at an end of the prior, and none has a pole at the centre of the shear, so that
each is close to a Gaussian. Only images whose SNR lies in a range are known to exist.

Shape suffixes: b batch, s samples, p parameters (`SHAPE`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.galaxies.parameters import SHAPE, Domain

__label__ = "galaxy_prior"

_EDGE = 1e-6
"""Share of the prior beyond which a galaxy counts as lying at its end: 4.75 standard deviations out."""
_LOG_2PI = math.log(2 * math.pi)
_UNIFORM = 3
"""Parameters that are uniform by themselves; the last two are a shear."""


@dataclass(frozen=True, kw_only=True)
class GalaxyPrior:
    """Ranges of the prior."""

    flux: tuple[float, float]
    """In any unit, which is that of all fluxes then."""
    n: tuple[float, float]
    half_light_radius: tuple[float, float]
    """Arcseconds."""
    shear: float
    """Largest |g|."""
    snr: tuple[float, float]

    @classmethod
    def of(cls, config: Mapping[str, Any], flux_unit: float = 1.0) -> "GalaxyPrior":
        """From a plain dictionary, with another unit of flux."""
        low, high = config["flux"]
        ranges = {name: tuple(config[name]) for name in ("n", "half_light_radius", "snr")}
        return cls(flux=(low * flux_unit, high * flux_unit), shear=config["shear"], **ranges)

    @property
    def domain(self) -> Domain:
        """Where galaxies are."""
        return Domain(flux=self.flux, n=self.n, half_light_radius=self.half_light_radius, shear=self.shear)

    def standardise(self, galaxy: Tensor) -> Tensor:
        """Galaxies on the scale, shape (…, p); those beyond the prior lie at its end."""
        low, width = self._ends(galaxy)
        share = ((galaxy[..., :_UNIFORM] - low) / width).clamp(_EDGE, 1 - _EDGE)
        length = torch.linalg.vector_norm(galaxy[..., _UNIFORM:], dim=-1, keepdim=True).clamp_min(1e-12)
        # The length of two standard normal numbers, where it exceeds as large a share of them.
        radius = (-2 * torch.log1p(-(length / self.shear).clamp(max=1 - _EDGE))).sqrt()
        return torch.cat([torch.special.ndtri(share), galaxy[..., _UNIFORM:] * (radius / length)], dim=-1)

    def physical(self, place: Tensor) -> Tensor:
        """Galaxies at places of the scale, shape (…, p)."""
        low, width = self._ends(place)
        square = place[..., _UNIFORM:].square().sum(dim=-1, keepdim=True)
        stretch = -self.shear * torch.expm1(-square / 2) / square.sqrt().clamp_min(1e-12)
        return torch.cat(
            [low + width * torch.special.ndtr(place[..., :_UNIFORM]), place[..., _UNIFORM:] * stretch], dim=-1
        )

    def log_stretch(self, place: Tensor) -> Tensor:
        """Ln |d place / d galaxy|, shape (…,): from a density on the scale to one of galaxies."""
        _, width = self._ends(place)
        square = place[..., _UNIFORM:].square().sum(dim=-1)
        length = -self.shear * torch.expm1(-square / 2)
        # An area of the plane is (|g| / ρ) (d|g| / dρ) as large as that of the scale, with d|g|/dρ = a ρ exp(−ρ²/2).
        of_shear = length.clamp_min(1e-12).log() + math.log(self.shear) - square / 2
        uniform = (width.log() - 0.5 * _LOG_2PI - place[..., :_UNIFORM].square() / 2).sum(dim=-1)
        stretch: Tensor = -(uniform + of_shear)
        return stretch

    def _ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        low, high = like.new_tensor([getattr(self, name) for name in SHAPE[:_UNIFORM]]).T
        return low, high - low
