"""How surely the best possible test finds what is wrong with one image: the limit of every in-domain test.

    power_b = ChangeDetector(catalogue, settings).power(departed_bhw - stamp_bhw)
    power = power_of_misstated_noise(stated=1.1, degrees=4096 - 5)

The test raises a false alarm on 1 % of the images that depart from nothing. It knows a departure's kind, size and
place, and of the galaxy only that it has five parameters: what they could make up for counts for nothing. A real test,
which knows none of that beforehand, finds less. Shape suffixes: b batch, h height, w width, n pixels, p parameters.
"""

import numpy as np
import pandas as pd
import torch
from scipy import stats
from torch import Tensor

from components.simulators.sersic.prior import FLUX_UNIT, PARAMETERS, Array, SersicSettings
from components.simulators.threads import one_thread
from models.galaxies import render_with_derivatives

__label__ = "detectability"

FALSE_ALARMS = 0.01
"""Share of the images that depart from nothing and are taken for others."""
_THRESHOLD = float(stats.norm.isf(FALSE_ALARMS))
"""2.326 standard deviations."""
_BLOCK = 64
"""Galaxies whose derivatives are in memory at once."""


class ChangeDetector:
    """Tests for known changes of the mean image of some galaxies, whose parameters are free.

    Args:
        catalogue: `PARAMETERS`, `psf_fwhm` and `sigma`, as a model is told.
        settings: camera and noise.
    """

    def __init__(self, catalogue: pd.DataFrame, settings: SersicSettings) -> None:
        names = [*PARAMETERS, "psf_fwhm", "sigma"]
        columns = torch.from_numpy(catalogue[names].to_numpy(dtype=np.float64, copy=True))
        columns[:, 0] *= FLUX_UNIT
        sds, tangents = [], []
        with one_thread():
            for block in torch.split(columns, _BLOCK):
                parameters_bp, fwhm_b, sigma_b = block[:, :-2], block[:, -2], block[:, -1]
                image_bhw, derivative_bphw = render_with_derivatives(parameters_bp, fwhm_b, settings.camera)
                variance_bhw = (sigma_b[:, None, None] ** 2).expand_as(image_bhw)
                if settings.shot_noise:  # the sum over k leaves tiny negative pixels, which have no counts to fluctuate
                    variance_bhw = variance_bhw + image_bhw.clamp_min(0)
                sds.append(variance_bhw.sqrt())
                tangents.append(_orthonormal((derivative_bphw / sds[-1][:, None]).flatten(2)))
        self._sd_bhw, self._tangent_bpn = torch.cat(sds), torch.cat(tangents)

    def distance(self, change_bhw: Array) -> Array:
        """How many standard deviations a change lies away from all that another galaxy could look like, shape (b,).

        With δ the change in units of each pixel's noise and δ_⊥ what is left of it off the tangent space of the
        parameters, |δ_⊥| (Scharf & Friedlander 1994, matched subspaces). The tangent space stands for all galaxies:
        where it no longer does, no change is small enough to be missed.

        Args:
            change_bhw: the departed image without noise less the ordinary one, counts.
        """
        white_bn = (torch.from_numpy(change_bhw.astype(np.float64)) / self._sd_bhw).flatten(1)
        explained_bp = (self._tangent_bpn @ white_bn[:, :, None])[:, :, 0]
        left_bn = white_bn - (explained_bp[:, None] @ self._tangent_bpn)[:, 0]
        found: Array = left_bn.norm(dim=1).numpy()
        return found

    def power(self, change_bhw: Array) -> Array:
        """Share of the noise's realisations in which the change is found, Φ(|δ_⊥| − 2.326), shape (b,)."""
        found: Array = stats.norm.cdf(self.distance(change_bhw) - _THRESHOLD)
        return found


def power_of_misstated_noise(stated: float, degrees: int) -> float:
    """Of the χ² test for noise that is stated wrongly, one-sided since the direction is known; exact.

    The residual of the best fit is χ² distributed in units of the true noise. The galaxy's shot noise, which nobody
    states, is left out.

    Args:
        stated: σ over the true one.
        degrees: of freedom: pixels less parameters.
    """
    chi2 = stats.chi2(degrees)
    if stated > 1:
        return float(chi2.cdf(chi2.ppf(FALSE_ALARMS) * stated**2))
    return float(chi2.sf(chi2.isf(FALSE_ALARMS) * stated**2))


def power_of_correlated_noise(spectrum: Array) -> float:
    """Of the Neyman–Pearson test for noise of a known spectrum against white noise of the same variance.

    With x_k the power of a mode over its expectation under white noise, χ² distributed of one degree of freedom, the
    logarithm of the likelihoods' ratio is Σ (1 − 1/s_k) x_k / 2 up to a constant. As a sum over thousands of modes it
    is taken for normal, with mean Σ (1 − 1/s_k) / 2 and variance Σ (1 − 1/s_k)² / 2 under white noise, and
    Σ (s_k − 1) / 2 and Σ (s_k − 1)² / 2 under the other. The five parameters, which take as many modes, are left out.

    Args:
        spectrum: s_k, the variance of each mode over the mean one, all above 0.
    """
    white, other = 1 - 1 / spectrum, spectrum - 1
    sd_white, sd_other = (float(np.sqrt((of**2).sum() / 2)) for of in (white, other))
    if sd_other == 0:
        return FALSE_ALARMS
    return float(stats.norm.cdf(((other - white).sum() / 2 - _THRESHOLD * sd_white) / sd_other))


def power_of_zeroed_pixels(share: float, pixels: int) -> float:
    """Of the Neyman–Pearson test for pixels that were set to zero at random places; exact.

    Noise is never exactly zero, so the likelihoods' ratio is infinite as soon as one pixel is: every image with such
    a pixel is found, and of the others as many as are false alarms. Tests of the residual's size alone find far less.

    Args:
        share: with which each pixel is set to zero.
        pixels: of an image.
    """
    return 1 - (1 - FALSE_ALARMS) * (1 - share) ** pixels


def _orthonormal(derivative_bpn: Tensor) -> Tensor:
    """An orthonormal basis of the space that some derivatives span, shape (b, p, n)."""
    scaled_bpn = derivative_bpn / derivative_bpn.norm(dim=2, keepdim=True)  # parameters differ by orders of magnitude
    basis_bnp: Tensor = torch.linalg.qr(scaled_bpn.mT).Q
    return basis_bnp.mT.contiguous()
