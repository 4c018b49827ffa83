"""The parameters of a drawn galaxy and of the camera that sees it: names, units, ranges, and the check of all of them.

check_parameters({"flux": flux, "n": n, …}, Camera(size=64, pixel_scale=0.23, beta=2.0))
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__label__ = "sersic_parameters"

SHAPE = ("flux", "n", "half_light_radius", "g1", "g2")
"""The parameters of a galaxy, in the order of every table and matrix."""
CENTROID = ("dx", "dy")
"""Offset of its centre from the centre of the stamp, in pixels."""
INDEX_RANGE = (0.3, 6.2)
"""Sérsic indices that can be drawn, as in GalSim."""
_AT_EDGE = 1e-6
"""Relative: nearer to an end of the domain is at it."""
LEAST_FWHM = 0.5
"""Pixels: a sharper PSF would need ever more nodes."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What turns a galaxy into pixels."""

    size: int = 64
    """Pixels on a side of a stamp."""
    pixel_scale: float = 0.23
    """Arcseconds a pixel."""
    beta: float = 2.0
    """Slope of the Moffat PSF."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size = {self.size}: must be at least 1 pixel")
        if not 0 < self.pixel_scale < math.inf:
            raise ValueError(f"pixel_scale = {self.pixel_scale}: must be above 0 arcsec")
        if not 1 < self.beta <= 100:  # beyond, it is a Gaussian to all digits that matter
            raise ValueError(f"beta = {self.beta}: must be above 1 and at most 100")

    @property
    def psf_scale(self) -> float:
        """Scale radius of the Moffat profile in pixels, for an FWHM of one arcsecond (Trujillo et al. 2001, eq. 2)."""
        return 1 / (2 * math.sqrt(2 ** (1 / self.beta) - 1) * self.pixel_scale)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Where estimates may lie, by parameter."""

    flux: tuple[float, float] = (1.0, 1e9)
    """Counts."""
    n: tuple[float, float] = INDEX_RANGE
    half_light_radius: tuple[float, float] = (0.02, 5.0)
    """Arcseconds."""
    shear: float = 0.85
    """Largest |g|."""

    def __post_init__(self) -> None:
        for name, (low, high) in (("flux", self.flux), ("half_light_radius", self.half_light_radius)):
            if not 0 < low <= high < math.inf:
                raise ValueError(f"{name} from {low:g} to {high:g}: must be above 0, the low end first")
        low, high = self.n
        if not INDEX_RANGE[0] <= low <= high <= INDEX_RANGE[1]:
            raise ValueError(f"n from {low:g} to {high:g}: must lie within {INDEX_RANGE[0]} to {INDEX_RANGE[1]}")
        if not 0 <= self.shear < 1:
            raise ValueError(f"shear = {self.shear:g}: must be at least 0 and below 1")

    def edges(self, parameters_bp: Tensor) -> Tensor:
        """Where galaxies lie at an end of flux, n, half-light radius and shear; bool, shape (b, 4)."""
        flux, n, radius, g1, g2 = parameters_bp.unbind(1)
        ranges = (self.flux, self.n, self.half_light_radius)
        ends = [
            (value <= low * (1 + _AT_EDGE)) | (value >= high * (1 - _AT_EDGE))
            for value, (low, high) in zip((flux, n, radius), ranges, strict=True)
        ]
        return torch.stack([*ends, torch.hypot(g1, g2) >= self.shear * (1 - _AT_EDGE)], dim=1)

    def clamp(self, parameters_bp: Tensor) -> Tensor:
        """The nearest parameters within."""
        flux, n, radius, g1, g2 = parameters_bp.unbind(1)
        shrink = self.shear / torch.hypot(g1, g2).clamp_min(self.shear)
        return torch.stack(
            [
                flux.clamp(*self.flux),
                n.clamp(*self.n),
                radius.clamp(*self.half_light_radius),
                g1 * shrink,
                g2 * shrink,
            ],
            dim=1,
        )


def check_parameters(parameters: Mapping[str, Tensor], camera: Camera) -> None:
    """Raise a ValueError that names the first parameter out of its range, with its value, unless all are right."""
    lengths = {name: tuple(value.shape) for name, value in parameters.items()}
    for name, shape in lengths.items():
        if len(shape) != 1 or shape != lengths["flux"]:
            raise ValueError(
                f"{name} has shape {shape}, flux {lengths['flux']}: every parameter must be a tensor of one length"
            )
        if not parameters[name].is_floating_point():
            raise ValueError(f"{name} is of type {parameters[name].dtype}: must be float32 or float64")
    positive = torch.finfo(parameters["flux"].dtype).tiny
    least = {"n": INDEX_RANGE[0], "half_light_radius": positive, "fwhm": LEAST_FWHM * camera.pixel_scale * (1 - 1e-6)}
    said = {
        "n": f"within {INDEX_RANGE[0]} to {INDEX_RANGE[1]}",
        "half_light_radius": "above 0 arcsec",
        "fwhm": f"at least {LEAST_FWHM * camera.pixel_scale:g} arcsec, half a pixel",
        **dict.fromkeys(CENTROID, f"within ±{camera.size} pixels, the size of the stamp"),
    }
    if lengths["flux"] == (0,):
        raise ValueError("flux is empty: give at least one galaxy")
    values_pb = torch.stack([value.detach() for value in parameters.values()])
    g1, g2 = parameters["g1"].detach(), parameters["g2"].detach()
    low_p = values_pb.new_tensor([least.get(name, -math.inf) for name in parameters])
    high_p = values_pb.new_tensor([camera.size if name in CENTROID else math.inf for name in parameters])
    low_p = torch.where(high_p.isfinite(), -high_p, low_p)
    right_pb = values_pb.isfinite() & (values_pb >= low_p[:, None]) & (values_pb <= high_p[:, None])
    right_pb[1] &= values_pb[1] <= INDEX_RANGE[1]
    round_b = g1**2 + g2**2 < 1
    if bool((right_pb.all(dim=0) & round_b).all()):  # the one place where a GPU is waited for
        return
    for name, right_b, value_b in zip(parameters, right_pb, values_pb, strict=True):
        if not bool(right_b.all()):
            row = int((~right_b).nonzero()[0])
            raise ValueError(f"{name}[{row}] = {float(value_b[row]):g}: must be {said.get(name, 'a finite number')}")
    row = int((~round_b).nonzero()[0])
    raise ValueError(
        f"g1[{row}], g2[{row}] = {float(g1[row]):g}, {float(g2[row]):g}: |g| = "
        f"{math.hypot(float(g1[row]), float(g2[row])):g} must be below 1"
    )
