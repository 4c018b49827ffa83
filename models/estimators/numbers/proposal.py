"""Where the posterior of an image is likely to be: a mixture around its mode, which draws from it begin with.

    frame = frame_of(modes.place_bp, modes.precision_bpp)
    mixture = proposal(features(frame, snr_b, conditions_bc))
    place_bsp = frame.outward(mixture.draws(64))

Everything is said in a frame of each image's own: its mode is the origin, the Gaussian there has unit covariance, and
the mode's shear points along one axis. A turned galaxy then looks the same, but for the four-fold pixels; a mirrored
one has the other sign across. Shape suffixes: b batch, s places, p parameters (`SHAPE`), f features, c conditions.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.estimators.numbers.mixture import Mixture, mixture_length, read_mixture

__label__ = "proposal"

_COMPONENTS = 4
_HIDDEN = 128
_ALONG, _ACROSS = 3, 4
"""The shear's two numbers: along and across the mode's."""
_LEAST_PRECISION = 0.5
"""The prior's is 1; less is where the posterior bends upwards."""
_FARTHEST = 8.0
"""Features beyond look the same."""
_SPREAD = 0.7
"""Of the components' means before any training, in standard deviations."""


class Frame(NamedTuple):
    """Of each image, in float64."""

    mode_bp: Tensor
    """On the prior's scale, turned."""
    turn_bpp: Tensor
    """From the prior's scale to the turned one."""
    factor_bpp: Tensor
    """Lower triangular A; A Aᵀ is the covariance of the Gaussian at the mode."""

    @property
    def log_volume_b(self) -> Tensor:
        """Ln |d place / d inward|."""
        return self.factor_bpp.diagonal(dim1=1, dim2=2).log().sum(dim=1)

    def inward(self, place_bsp: Tensor) -> Tensor:
        """Places of the prior's scale in the frame, float32."""
        away_bps = (place_bsp.double() @ self.turn_bpp.mT - self.mode_bp[:, None]).mT
        inward_bps: Tensor = torch.linalg.solve_triangular(self.factor_bpp, away_bps, upper=False)
        return inward_bps.mT.float()

    def outward(self, inward_bsp: Tensor) -> Tensor:
        """Back, float64."""
        return (inward_bsp.double() @ self.factor_bpp.mT + self.mode_bp[:, None]) @ self.turn_bpp


def turn_along(shear_b2: Tensor) -> Tensor:
    """Rotations, shape (b, p, p), that leave of a shear the part along it alone."""
    length_b = torch.linalg.vector_norm(shear_b2, dim=1)
    cosine_b, sine_b = (shear_b2 / length_b.clamp_min(1e-12)[:, None]).unbind(1)
    cosine_b = torch.where(length_b > 0, cosine_b, torch.ones_like(cosine_b))
    turn_bpp = torch.eye(_ACROSS + 1, dtype=shear_b2.dtype, device=shear_b2.device).repeat(len(shear_b2), 1, 1)
    turn_bpp[:, _ALONG, _ALONG] = turn_bpp[:, _ACROSS, _ACROSS] = cosine_b
    turn_bpp[:, _ALONG, _ACROSS], turn_bpp[:, _ACROSS, _ALONG] = sine_b, -sine_b
    return turn_bpp


def frame_of(place_bp: Tensor, precision_bpp: Tensor) -> Frame:
    """The frame of each mode."""
    turn_bpp = turn_along(place_bp[:, _ALONG:])
    values, vectors = torch.linalg.eigh(turn_bpp @ precision_bpp @ turn_bpp.mT)
    covariance_bpp = (vectors / values.clamp_min(_LEAST_PRECISION)[:, None]) @ vectors.mT
    return Frame((turn_bpp @ place_bp[:, :, None])[:, :, 0], turn_bpp, torch.linalg.cholesky(covariance_bpp))


class Features(NamedTuple):
    """What the mixture goes by, float32; a mirrored image has the same `even` and the opposite `odd` ones."""

    even_bf: Tensor
    odd_bf: Tensor


def features(frame: Frame, snr_b: Tensor, conditions_bc: Tensor) -> Features:
    """Of each image.

    Args:
        frame: of its mode.
        snr_b: of the galaxy found.
        conditions_bc: standardised.
    """
    covariance_bpp = frame.factor_bpp @ frame.factor_bpp.mT
    sd_bp = covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()
    correlation_bpp = covariance_bpp / (sd_bp[:, :, None] * sd_bp[:, None])
    row, column = torch.tril_indices(_ACROSS, _ACROSS, -1, device=sd_bp.device)
    # Pixels look the same after a quarter turn, which is half a turn of the shear.
    turn_b = 2 * torch.atan2(frame.turn_bpp[:, _ALONG, _ACROSS], frame.turn_bpp[:, _ALONG, _ALONG])
    even = [
        frame.mode_bp[:, :_ACROSS],
        sd_bp.log(),
        correlation_bpp[:, row, column],
        conditions_bc,
        snr_b.log()[:, None] - 3.5,
        turn_b.cos()[:, None],
    ]
    odd = [correlation_bpp[:, _ACROSS, :_ACROSS], turn_b.sin()[:, None]]
    joined = (torch.cat([part.double() for part in parts], dim=1) for parts in (even, odd))
    return Features(*(part_bf.clamp(-_FARTHEST, _FARTHEST).float() for part_bf in joined))


def mirrored(given: Features, inward_bsp: Tensor, sign_b: Tensor) -> tuple[Features, Tensor]:
    """Features and places of mirrored images, where the sign is −1."""
    sign_p = torch.ones_like(inward_bsp[:, :1])
    sign_p[:, :, _ACROSS] = sign_b[:, None]
    return Features(given.even_bf, given.odd_bf * sign_b[:, None]), inward_bsp * sign_p


class Proposal(nn.Module):
    """A dense network from features to a mixture.

    Args:
        parameters: how many.
        conditions: how many.
    """

    def __init__(self, parameters: int, conditions: int) -> None:
        super().__init__()
        self._places = parameters
        inner = parameters - 1
        count = inner + parameters + inner * (inner - 1) // 2 + conditions + 2 + inner + 1
        last = nn.Linear(_HIDDEN, mixture_length(parameters, _COMPONENTS))
        self.dense = nn.Sequential(nn.Linear(count, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN), nn.SiLU(), last)
        # Untrained, it is close to the Gaussian at the mode; its components differ, so that they can part.
        nn.init.normal_(last.weight, std=0.01)
        with torch.no_grad():
            means_kp = _SPREAD * torch.randn(_COMPONENTS, parameters, generator=torch.Generator().manual_seed(1))
            bias_ko = last.bias.zero_().view(_COMPONENTS, -1)
            bias_ko[:, 1 : 1 + parameters] = means_kp

    def forward(self, given: Features) -> Mixture:
        """The mixture of each image, in its frame."""
        return read_mixture(self.dense(torch.cat(given, dim=1)), self._places, _COMPONENTS)
