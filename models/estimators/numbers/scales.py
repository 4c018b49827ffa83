"""Scales on which errors are close to Gaussian: physical parameters to standard ones and back.

    scales = Scales(outputs)
    standard_bp = scales.standardise(truth_bp, noise_b)
    moments = scales.physical_moments(mean_bp, covariance_bpp, noise_b)

On a standard scale a parameter's prior has mean 0 and standard deviation 1. An estimate is a Gaussian there; what it
says in physical units follows from the inverse of the scale, by Gauss–Hermite quadrature. Shape suffixes: b batch,
p parameters, q quantiles, t nodes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__label__ = "scales"

SCALES = ("linear", "log", "log_over_noise", "uniform")
"""`log_over_noise` is the logarithm of the ratio to the noise; `uniform` maps a uniform prior onto a normal one (probit
transform), so that an image which says nothing, and one which says much, both have a Gaussian answer."""

_NODES = 24
"""Quadrature nodes: enough for the moments of an estimate as wide as the prior to 1e-3 of its width."""
_EDGE = 1e-6
"""Share of a uniform prior beyond which a value counts as its edge; an edge is 4.75 standard deviations out."""
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
_LARGEST_EXPONENT = 30.0
"""Only images unlike any that was trained on come near it; variances must stay finite and above 0."""
_ROUNDING = 1e-6
"""Relative: a few of the last bits of float32."""
_LEAST_ERROR = 1e-5
"""Of the prior's spread: float32 tells no smaller differences apart, so that one at the edge of a scale reads as 0."""


class Scales(nn.Module):
    """The scale of each parameter.

    Args:
        outputs: for each parameter {name, scale, mean, sd}, mean and sd those of the prior on that scale, or
            {name, scale: uniform, low, high} with the ends of the prior.

    Raises:
        ValueError: when a scale is unknown.
    """

    mean: Tensor
    sd: Tensor
    low: Tensor
    width: Tensor
    nodes_t: Tensor
    weights_t: Tensor

    def __init__(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        for output in outputs:
            if output["scale"] not in SCALES:
                raise ValueError(f"scale of {output['name']} = {output['scale']!r}: must be one of {', '.join(SCALES)}")
        self._scales = tuple(output["scale"] for output in outputs)
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        for name, values in {
            "mean": [output.get("mean", 0.0) for output in outputs],
            "sd": [output.get("sd", 1.0) for output in outputs],
            "low": [output.get("low", 0.0) for output in outputs],
            "width": [output.get("high", 1.0) - output.get("low", 0.0) for output in outputs],
            "nodes_t": nodes,
            "weights_t": weights / weights.sum(),
        }.items():
            self.register_buffer(name, torch.tensor(np.asarray(values), dtype=torch.float32), persistent=False)

    def standardise(self, physical_bp: Tensor, noise_b: Tensor) -> Tensor:
        """Physical parameters on their standard scales.

        Args:
            physical_bp: in physical units, shape (b, p).
            noise_b: noise of a pixel, shape (b,).
        """
        columns = []
        for index, scale in enumerate(self._scales):
            value_b = physical_bp[:, index]
            if scale == "uniform":
                share_b = (value_b - self.low[index]) / self.width[index]
                columns.append(torch.special.ndtri(share_b.clamp(_EDGE, 1 - _EDGE)))
                continue
            if scale != "linear":
                value_b = value_b.clamp_min(1e-12).log()
            if scale == "log_over_noise":
                value_b = value_b - noise_b.log()
            columns.append((value_b - self.mean[index]) / self.sd[index])
        return torch.stack(columns, dim=1)

    def log_stretch(self, physical_bp: Tensor, standard_bp: Tensor) -> Tensor:
        """Σ ln |d standard / d physical| over the parameters, shape (b,): from a density on one scale to the other.

        Args:
            physical_bp: in physical units.
            standard_bp: the same on the standard scales.
        """
        stretch_b = torch.zeros_like(physical_bp[:, 0])
        for index, scale in enumerate(self._scales):
            if scale == "uniform":
                stretch_b = stretch_b - self.width[index].log() + _LOG_ROOT_2PI + standard_bp[:, index].square() / 2
                continue
            stretch_b = stretch_b - self.sd[index].log()
            if scale != "linear":
                stretch_b = stretch_b - physical_bp[:, index].clamp_min(1e-12).log()
        return stretch_b

    def physical(self, standard: Tensor, noise_b: Tensor) -> Tensor:
        """Standard parameters in physical units.

        Args:
            standard: shape (b, p) or (b, p, anything).
            noise_b: noise of a pixel, shape (b,).
        """
        columns = []
        log_noise = noise_b.log().reshape(-1, *[1] * (standard.ndim - 2))
        for index, scale in enumerate(self._scales):
            value = standard[:, index]
            if scale == "uniform":
                columns.append(self.low[index] + self.width[index] * torch.special.ndtr(value))
                continue
            value = value * self.sd[index] + self.mean[index]
            if scale == "log_over_noise":
                value = value + log_noise
            if scale != "linear":
                value = value.clamp(-_LARGEST_EXPONENT, _LARGEST_EXPONENT).exp()
            columns.append(value)
        return torch.stack(columns, dim=1)

    def spread(self, physical_bp: Tensor) -> Tensor:
        """The prior's sd in physical units, near the value where the scale is logarithmic, shape (b, p)."""
        columns = []
        for index, scale in enumerate(self._scales):
            value_b = physical_bp[:, index]
            if scale == "uniform":
                columns.append((self.width[index] / 12**0.5).expand_as(value_b))
            else:
                columns.append(self.sd[index] * (torch.ones_like(value_b) if scale == "linear" else value_b))
        return torch.stack(columns, dim=1)

    def resolution(self, index: int) -> float:
        """What float32 may make of the same value and error on another processor, in physical units.

        It matters at the edge of a uniform scale, where errors shrink to nothing; on the others they do not.
        """
        low, width = float(self.low[index]), float(self.width[index])
        return _ROUNDING * max(abs(low), abs(low + width)) if self._scales[index] == "uniform" else 0.0

    def physical_moments(self, mean_bp: Tensor, covariance_bpp: Tensor, noise_b: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance, in physical units, of a Gaussian on the standard scales.

        Means and variances are those of the transformed distribution; correlations are taken over as they are, which
        is exact on linear scales and to first order in the width on others.

        Returns:
            Shapes (b, p) and (b, p, p).
        """
        sd_bp = covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
        value_bpt = self.physical(mean_bp[:, :, None] + sd_bp[:, :, None] * self.nodes_t, noise_b)
        centre_bp = (value_bpt * self.weights_t).sum(dim=2)
        variance_bp = ((value_bpt - centre_bp[:, :, None]).square() * self.weights_t).sum(dim=2)
        error_bp = torch.maximum(variance_bp.sqrt(), _LEAST_ERROR * self.spread(centre_bp).abs())
        stretch_bp = error_bp / sd_bp
        return centre_bp, covariance_bpp * stretch_bp[:, :, None] * stretch_bp[:, None]
