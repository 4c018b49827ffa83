"""The response of measured shapes to shear, learned from some galaxies and applied to others.

    response = learn_response(sheared, "likelihood")
    expected = response.of_slice(others, slices["snr20_40"])      # 1 + m, which the measured one is divided by

What one image's shape changes by under a small shear is noise for the most part; its mean for images like it is a
smooth function of what is found of them (Pujol et al. 2020, 2006.07011, learn it from simulations, too). Where images
are chosen by something that the shear changes, that counts by how the shape goes together with that change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from components.problems.galaxy_shape.rings import SHEAR
from components.problems.galaxy_shape.shear import Estimate, Sheared, Slice, ratio_of
from components.simulators.sersic import Array

__label__ = "galaxy_shear_response"

FEATURES = ("snr", "half_light_radius", "n", "ellipticity", "psf_fwhm")
_OF_LOGARITHM = ("snr", "half_light_radius")
"""Features that count by their logarithm, and that images may be chosen by."""
_DEGREE = 3
_FAR = 3.0
"""Standard deviations from the mean; what is farther counts as this."""
_BINS = 32
"""Of the SNR, in each of which images scatter alike."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """Polynomials of the third degree in what is found of an image."""

    answer: str
    mean: tuple[float, ...]
    """Of each of `FEATURES`."""
    sd: tuple[float, ...]
    coefficients: Mapping[str, tuple[float, ...]]
    """Of the shape's own response, as `shape`, and of shape times response for each number that images are chosen by;
    one for each product of at most three features, in the order of `itertools.combinations_with_replacement`."""

    def of_slice(self, sheared: Sheared, chosen: Slice) -> Estimate:
        """How the mean shape of a slice is expected to change with the shear."""
        found = {name: values.mean(axis=0) for name, values in sheared.found.items()}
        terms_nt = _terms(_standard(found, np.array(self.mean), np.array(self.sd)))
        weight_n = chosen.weights(found)
        expected_n = weight_n * (terms_nt @ np.array(self.coefficients["shape"]))
        for name in _OF_LOGARITHM:
            expected_n = expected_n + chosen.slopes(found, name) * (terms_nt @ np.array(self.coefficients[name]))
        return ratio_of(expected_n, weight_n)


def learn_response(sheared: Sheared, answer: str) -> Response:
    """Least squares, each image weighed by how much images of its SNR scatter."""
    found = {name: values.mean(axis=0) for name, values in sheared.found.items()}
    raw_nf = _raw(found)
    mean_f, sd_f = raw_nf.mean(axis=0), np.maximum(raw_nf.std(axis=0), 1e-9)
    terms_nt = _terms(_standard(found, mean_f, sd_f))
    shape_sn = sheared.shape[answer]
    change = {"shape": (shape_sn[0] - shape_sn[1]) / (2 * SHEAR)}
    for name in _OF_LOGARITHM:
        plus, minus = np.log(np.maximum(sheared.found[name], 1e-6))
        change[name] = shape_sn.mean(axis=0) * (plus - minus) / (2 * SHEAR)
    coefficients = {}
    for name, value_n in change.items():
        root_n = 1 / _scatter(found["snr"], value_n)
        solved = np.linalg.lstsq(terms_nt * root_n[:, None], value_n * root_n, rcond=None)[0]
        coefficients[name] = tuple(float(one) for one in solved)
    return Response(
        answer=answer,
        mean=tuple(float(one) for one in mean_f),
        sd=tuple(float(one) for one in sd_f),
        coefficients=coefficients,
    )


def _scatter(snr_n: Array, value_n: Array) -> Array:
    """Standard deviation of the values at each image's SNR."""
    edges = np.quantile(snr_n, np.linspace(0, 1, _BINS + 1)[1:-1])
    bin_n = np.searchsorted(edges, snr_n)
    count_k = np.bincount(bin_n, minlength=_BINS)
    mean_k, square_k = (np.bincount(bin_n, of, _BINS) / np.maximum(count_k, 1) for of in (value_n, value_n**2))
    sd_k = np.sqrt(np.maximum(square_k - mean_k**2, 1e-6))
    scatter_n: Array = sd_k[bin_n]
    return scatter_n


def _raw(found: Mapping[str, Array]) -> Array:
    columns = [np.log(np.maximum(found[name], 1e-6)) if name in _OF_LOGARITHM else found[name] for name in FEATURES]
    return np.stack(columns, axis=1)


def _standard(found: Mapping[str, Array], mean_f: Array, sd_f: Array) -> Array:
    standard_nf: Array = ((_raw(found) - mean_f) / sd_f).clip(-_FAR, _FAR)
    return standard_nf


def _terms(standard_nf: Array) -> Array:
    """Every product of at most `_DEGREE` features, shape (images, terms)."""
    columns = [np.ones(len(standard_nf))]
    for degree in range(1, _DEGREE + 1):
        for chosen in combinations_with_replacement(range(standard_nf.shape[1]), degree):
            columns.append(standard_nf[:, list(chosen)].prod(axis=1))
    return np.stack(columns, axis=1)
