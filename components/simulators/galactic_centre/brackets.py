"""Two brackets of the least error of an amplitude, without a chain: one that nobody can beat, and one within reach.

    low_bk, high_bk = known_sources(settings, skies), linear_errors(settings, skies)

* `known_sources`: the Cramér–Rao bound of whoever knows every source and cloud: counts are Poisson numbers of known
  templates. Nobody knows them, and it is too small by half.
* `linear_errors`: the Fisher information of the mean and covariance of counts is never above that of the counts
  themselves (Stein, Mezghani & Nossek 2013), TᵀC⁻¹T with C = diag(μ̄) + B diag(λ E f²) Bᵀ: what the best weighted sum
  of pixels reaches, sources being noise of a known power.

Shape suffixes: b skies, k diffuse components, n pixels, s kinds of sources.
"""

import numpy as np
from scipy import linalg, sparse

from components.simulators.galactic_centre.blurring import psf_matrix
from components.simulators.galactic_centre.point_sources import CentreLaw, DiskLaw
from components.simulators.galactic_centre.prior import AMPLITUDES, COUNTS, Array, GalacticCentreSettings
from components.simulators.galactic_centre.skies import Skies
from components.simulators.galactic_centre.templates import steady_templates

__label__ = "galactic_centre_brackets"

_GAS = AMPLITUDES.index("A_pi0")


def known_sources(settings: GalacticCentreSettings, skies: Skies) -> Array:
    """Least errors of the amplitudes if all else were known, shape (b, k)."""
    found = []
    for number, cloud_hw in enumerate(skies.cloud_bhw):
        template_kn = _seen_templates(settings, cloud_hw)
        mean_n = np.maximum(skies.expected_bhw[number].ravel(), 1e-3)
        found.append(_errors(template_kn @ (template_kn / mean_n).T))
    return np.stack(found)


def linear_errors(settings: GalacticCentreSettings, skies: Skies) -> Array:
    """Errors of the best weighted sums of pixels, of skies with as many sources and any clouds, shape (b, k)."""
    blur, flux = psf_matrix(settings), settings.source_flux
    shares_sn = np.stack([law(settings).shares().ravel() for law in (CentreLaw, DiskLaw)])
    mean_flux, square_flux = (np.exp(power * flux.mean + (power * flux.sd) ** 2 / 2) for power in (1, 2))
    template_kn = _seen_templates(settings, np.zeros_like(skies.cloud_bhw[0]))
    whole = sparse.kron(sparse.csr_array(blur), sparse.csr_array(blur), format="csr")
    found = []
    for number in range(len(skies.table)):
        row = skies.table.iloc[number]
        sources_n = row[list(COUNTS)].to_numpy(dtype=np.float64) @ shares_sn
        mean_n = row[list(AMPLITUDES)].to_numpy(dtype=np.float64) @ template_kn + mean_flux * (whole @ sources_n)
        covariance_nn = (whole @ sparse.diags_array(square_flux * sources_n) @ whole.T).toarray()
        covariance_nn[np.diag_indices_from(covariance_nn)] += np.maximum(mean_n, 1e-3)
        found.append(_errors(template_kn @ linalg.solve(covariance_nn, template_kn.T, assume_a="pos")))
    return np.stack(found)


def _seen_templates(settings: GalacticCentreSettings, cloud_hw: Array) -> Array:
    """The components through the PSF, shape (k, n)."""
    template_khw = steady_templates(settings)
    template_khw[_GAS] *= np.exp(cloud_hw / settings.gas.softness)
    blur = psf_matrix(settings)
    return (blur @ template_khw @ blur.T).reshape(len(AMPLITUDES), -1)


def _errors(fisher_kk: Array) -> Array:
    errors: Array = np.sqrt(np.diagonal(np.linalg.inv(fisher_kk)))
    return errors
