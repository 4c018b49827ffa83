"""Fourier transforms of the Sérsic and the Moffat profile, as tables that interpolate smoothly in q = (k · radius)².

    coefficients_b4k = sersic_coefficients(table, n_b)          # one row of cubics for each galaxy's own index
    transform_bm = interpolate(coefficients_b4k, q_bm)

Shear and radius make q a quadratic form of the wave vector, so that no root or logarithm is ever taken. A profile's
transform F(q) is a cubic on each of some 480 intervals, fitted to exact values and slopes (Hermite), so it and its
first derivative are continuous. Every power of two is cut into eight: the interval of a number is read off its bits. In
the Sérsic index the table is a Chebyshev series, exact to 1e-8. Both are built in 0.3 s and kept for the life of the
process.

Legend of the shape suffixes: b batch, m points, k intervals in q, c Chebyshev terms.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.special import gamma, gammaincinv, gammaln, kv, loggamma
from torch import Tensor

__label__ = "sersic_tables"

Array = np.ndarray[Any, np.dtype[np.float64]]


CUTS = 3
"""Bits of the mantissa that tell the interval: one more moves no image by more than 1e-7 of its peak."""
_Q = (1e-10, 1e8)
"""Ends of the table: below the first a transform is 1 to 1e-7, above the last no PSF lets anything pass."""
TERMS = 28
"""Chebyshev terms in ln n: the error falls tenfold with every three, and is 5e-9 here."""
# Wider than INDEX_RANGE, since the derivative of arccos is infinite at the ends.
LN_N = (math.log(0.29), math.log(6.3))


def sersic_transform(n: float, ln_k: Array) -> tuple[Array, Array]:
    """Fourier transform of a Sérsic profile of unit flux and unit half-light radius, and its slope.

    The Hankel transform of exp(−b R^{1/n}) is written as a Mellin–Barnes integral: the Mellin transform of the profile
    is a gamma function, that of J₀ a ratio of two (DLMF 10.22.43). Its integrand falls as exp(−π n |τ| / 2) along the
    imaginary axis, so the trapezoid rule is exact to rounding.

    Args:
        n: Sérsic index.
        ln_k: logarithm of k · half-light radius, shape (k,).

    Returns:
        F(ln k) and dF/d ln k, float64, shape (k,) each; within 1e-11.
    """
    step = 0.05  # halving it, or doubling the length, changes the last digits only
    s = 1 + 1j * np.arange(0, 27 / n, step)  # at its end the integrand is 1e-18 of its start
    b = gammaincinv(2 * n, 0.5)  # half of the flux lies within the half-light radius (Ciotti 1991, eq. 4)
    weights = np.exp(
        loggamma(n * (2 - s))
        - gammaln(2 * n)
        + n * s * np.log(b)
        + (s - 1) * math.log(2)
        + loggamma(s / 2)
        - loggamma(1 - s / 2)
    )
    weights *= step / math.pi
    weights[0] /= 2
    powers = np.exp(-np.outer(s, ln_k))
    return (weights @ powers).real, (-(weights * s) @ powers).real


def moffat_transform(beta: float, ln_k: Array) -> tuple[Array, Array]:
    """Fourier transform of a Moffat profile (1 + r²)^−β of unit flux, and its slope.

    2^{2−β} u^{β−1} K_{β−1}(u) / Γ(β−1) with u = k · scale radius (Trujillo et al. 2001, eq. 3).

    Args:
        beta: slope of the profile, above 1.
        ln_k: logarithm of k · scale radius, shape (k,).

    Returns:
        F(ln k) and dF/d ln k, float64, shape (k,) each.
    """
    u = np.exp(np.minimum(ln_k, math.log(600)))  # e^−600 is the last that a float can tell from 0
    nu = beta - 1
    scale = 2 ** (1 - nu) / gamma(nu)
    return scale * u**nu * kv(nu, u), -scale * u ** (nu + 1) * kv(nu - 1, u)


@cache
def sersic_table(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Chebyshev coefficients in ln n of the cubics in q, shape (c, 4 · k)."""
    nodes = np.cos(np.pi * (np.arange(TERMS) + 0.5) / TERMS)
    low, high = LN_N
    indices = np.exp((low + high) / 2 + (high - low) / 2 * nodes)
    ln_k = 0.5 * np.log(_edges())
    cubics = np.stack([_cubics(*sersic_transform(n, ln_k)).ravel() for n in indices])
    return _constant(np.polynomial.chebyshev.chebfit(nodes, cubics, TERMS - 1), dtype, device)


@cache
def moffat_table(beta: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Coefficients of the cubics in q, shape (1, 4, k)."""
    return _constant(_cubics(*moffat_transform(beta, 0.5 * np.log(_edges())))[None], dtype, device)


@cache
def moffat_reach(beta: float, least: float) -> float:
    """The k · scale radius beyond which the transform of a Moffat profile is below `least`."""
    ln_k = np.arange(math.log(1e-2), math.log(1e4), 1 / 64)
    values, _ = moffat_transform(beta, ln_k)
    return float(np.exp(ln_k[values > least][-1] + 1 / 64))


def sersic_coefficients(table_ck: Tensor, n_b: Tensor) -> Tensor:
    """Cubics in q for each galaxy's Sérsic index, shape (b, 4, k)."""
    terms_bc = torch.cos(_angle(n_b) * torch.arange(TERMS, dtype=n_b.dtype, device=n_b.device))
    return (terms_bc @ table_ck).view(len(n_b), 4, -1)


def sersic_coefficients_by_n(table_ck: Tensor, n_b: Tensor) -> Tensor:
    """Derivative of the cubics by the Sérsic index, shape (b, 4, k)."""
    angle_b1 = _angle(n_b)
    order_c = torch.arange(TERMS, dtype=n_b.dtype, device=n_b.device)
    # d cos(j a)/dn with cos a linear in ln n.
    slope_b1 = 2 / ((LN_N[1] - LN_N[0]) * n_b[:, None] * torch.sin(angle_b1))
    return ((slope_b1 * order_c * torch.sin(angle_b1 * order_c)) @ table_ck).view(len(n_b), 4, -1)


def interpolate(coefficients_b4k: Tensor, q_bm: Tensor) -> Tensor:
    """Transforms at points of q, shape (b, m); one set of coefficients may serve all of the batch."""
    beyond_bm, (c0, c1, c2, c3) = _locate(coefficients_b4k, q_bm)
    return torch.addcmul(c0, beyond_bm, torch.addcmul(c1, beyond_bm, torch.addcmul(c2, beyond_bm, c3)))


def interpolate_with_slope(coefficients_b4k: Tensor, q_bm: Tensor) -> tuple[Tensor, Tensor]:
    """Transforms at points of q and their derivatives by q, shape (b, m) each."""
    beyond_bm, (c0, c1, c2, c3) = _locate(coefficients_b4k, q_bm)
    upper_bm = torch.addcmul(c2, beyond_bm, c3)
    value_bm = torch.addcmul(c0, beyond_bm, torch.addcmul(c1, beyond_bm, upper_bm))
    return value_bm, torch.addcmul(c1, beyond_bm, torch.addcmul(upper_bm + c2, beyond_bm, c3, value=2))


def first_interval(dtype: torch.dtype) -> tuple[torch.dtype, int, int]:
    """How the interval of a number is read off its bits.

    Returns:
        The whole numbers that its bits are read as, how many of them lie below those that tell the interval, and what
        the others are in the table's first interval.
    """
    integer, mantissa = (torch.int64, 52) if dtype == torch.float64 else (torch.int32, 23)
    lowest = torch.tensor(_Q[0], dtype=dtype).view(integer)
    return integer, mantissa - CUTS, int(lowest) >> (mantissa - CUTS)


def _angle(n_b: Tensor) -> Tensor:
    low, high = LN_N
    return torch.arccos((2 * n_b.log() - (low + high)) / (high - low))[:, None]


def _edges() -> Array:
    """Ends of the intervals: powers of two cut into 2^`CUTS` equal parts."""
    _, shift, first = first_interval(torch.float64)
    last = int(torch.tensor(_Q[1], dtype=torch.float64).view(torch.int64)) >> shift
    edges: Array = (torch.arange(first, last + 1) << shift).view(torch.float64).numpy()
    return edges


def _locate(coefficients_b4k: Tensor, q_bm: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """How far each point lies beyond the start of its interval, and the coefficients of the cubic there."""
    integer, shift, first = first_interval(q_bm.dtype)
    q_bm = q_bm.clamp(*_Q)  # constant beyond the table
    bits_bm = q_bm.detach().view(integer) >> shift
    start_bm = (bits_bm << shift).view(q_bm.dtype)
    interval_bm = (bits_bm - first).long().clamp_max(coefficients_b4k.shape[2] - 1)
    rows = (row_bk.expand(len(q_bm), -1) for row_bk in coefficients_b4k.unbind(1))
    return q_bm - start_bm, tuple(row_bk.gather(1, interval_bm) for row_bk in rows)


def _cubics(values: Array, slopes: Array) -> Array:
    """Cubic Hermite polynomials between the edges, from values and dF/d ln k there: coefficients, shape (4, k)."""
    edges = _edges()
    width, rise = np.diff(edges), np.diff(values)
    slopes = 0.5 * slopes / edges
    left, right = slopes[:-1] * width, slopes[1:] * width
    return np.stack(
        [values[:-1], slopes[:-1], (3 * rise - 2 * left - right) / width**2, (left + right - 2 * rise) / width**3]
    )


def _constant(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(mode=False):  # a table first built in inference must serve training later
        return torch.tensor(values, dtype=dtype, device=device)
