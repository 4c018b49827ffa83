"""What an image cannot show and values hang on: the PSF's width and shape, and the sky.

    moved_bkp = sensitivities(examined, sigma_b)         # what values move by for one step of each
    answer = widened(answer, {"psf_fwhm_error": error_b})

Once the five parameters are fitted, next to nothing is left of such an error in the residual: no test can see it, so
answers say how much it would move them. To first order that is C Jᵀ V⁻¹ ∂p, with C the inverse Fisher matrix, J the
image's derivatives by the parameters, V the pixels' variances, and ∂p the change of the image. Shape suffixes: b batch,
k what is not known (`STEPS`), p parameters.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from models.estimators.numbers.answer import Answer
from models.fields import Field
from models.galaxies import CHANGES, Examined

__label__ = "sensitivities"


class Step(NamedTuple):
    """How far something is moved."""

    size: float
    said: str


STEPS = {
    "psf_fwhm": Step(0.01, "bounds per 1 %"),
    "psf_g1": Step(0.01, "bounds per 0.01"),
    "psf_g2": Step(0.01, "bounds per 0.01"),
    "sky": Step(0.01, "bounds per 0.01 σ a pixel"),
}
"""The PSF truly wider than stated, truly sheared where it is round, and counts that the sky left in every pixel."""
PSF_ERRORS = (
    Field(name="psf_fwhm_error", unit="of the FWHM", limits=(0, 1), optional=True),
    Field(name="psf_shear_error", unit="of g1 and of g2", limits=(0, 1), optional=True),
)
"""What a request may state: standard deviations of the PSF's FWHM, as a part of it, and of its shear's components."""
_STATED = {"psf_fwhm": "psf_fwhm_error", "psf_g1": "psf_shear_error", "psf_g2": "psf_shear_error"}


def sensitivities(examined: Examined, sigma_b: Tensor) -> Tensor:
    """What one step of each moves the parameters by, shape (b, k, p), flux in counts.

    Args:
        examined: the images.
        sigma_b: noise of a pixel, counts.
    """
    moved_bkp = torch.stack([STEPS[name].size * examined.moved_bcp[:, CHANGES.index(name)] for name in STEPS], dim=1)
    moved_bkp[:, list(STEPS).index("sky")] *= sigma_b[:, None]
    return moved_bkp


def stated_errors(inputs: Mapping[str, Tensor], moved_bkp: Tensor) -> Tensor | None:
    """What the stated errors of the PSF move the parameters by, shape (b, k, p); None where none is stated."""
    errors = {
        index: inputs[_STATED[name]] / STEPS[name].size
        for index, name in enumerate(STEPS)
        if name in _STATED and _STATED[name] in inputs
    }
    if not errors:
        return None
    return torch.stack([moved_bkp[:, index] * error_b[:, None] for index, error_b in errors.items()], dim=1)


def widened(answer: Answer, shift_bkp: Tensor) -> Answer:
    """An answer whose errors hold those of the PSF, too.

    The posterior gives way as far as the image moves it: by its covariance over the likelihood's.

    Args:
        answer: as if the PSF was known.
        shift_bkp: of parameters, in the answer's units.
    """
    assert answer.held is not None
    extra_bpp = torch.einsum("bkp,bkr->bpr", shift_bkp, shift_bkp)
    covariance_bpp = answer.covariance_bpp
    give_bpp = torch.linalg.solve(answer.held.covariance_bpp.double(), covariance_bpp.double(), left=False).float()
    wider_bpp = covariance_bpp + give_bpp @ extra_bpp @ give_bpp.mT
    stretch_bp = (_variance(wider_bpp) / _variance(covariance_bpp)).sqrt()
    away_bpq = answer.quantile_bpq - answer.mean_bp[:, :, None]
    likelihood = answer.likelihood
    return answer._replace(
        covariance_bpp=wider_bpp,
        quantile_bpq=answer.mean_bp[:, :, None] + stretch_bp[:, :, None] * away_bpq,
        likelihood=likelihood and likelihood._replace(covariance_bpp=likelihood.covariance_bpp + extra_bpp),
    )


def _variance(covariance_bpp: Tensor) -> Tensor:
    return covariance_bpp.diagonal(dim1=1, dim2=2)
