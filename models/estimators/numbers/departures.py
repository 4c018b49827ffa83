"""How an image departs from the galaxy found in it: several tests under one budget of false alarms.

    found = departures(examined, sigma_b, flux_b, size=64)
    p_value_bt = found.p_values(factor)                 # below FALSE_ALARMS: the image departs, by that test

Each test is a standard normal number, a χ² or a maximum of smooth noise where nothing is wrong, and has a share of the
budget that says how rare it must be to count: more where a departure does harm and can hardly be seen. The least of
their chances, each over its share, is one number whose distribution is close to known; the last few per cent are set
by simulations (`NumbersEstimator.calibrate_departures`). Shape suffixes: b batch, t tests (`TESTS`).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from models.estimators.familiar import FALSE_ALARMS
from models.galaxies import CHANGES, PLACES, REGIONS, Examined

__label__ = "departures"


class Share(NamedTuple):
    """Chances below which a test may doubt too little and too much, per mille, for a law that is exact."""

    below: float
    above: float


_SHARES = {
    # A sky that was left in biases fluxes more than twice as much as one that was overdone, and hides behind wings.
    "sky": Share(0.15, 5.45),
    "centroid": Share(0.0, 0.06),
    # A noise overstated by a twentieth is harder to see than one understated: there is less of it that varies.
    "noise": Share(3.55, 1.65),
    "core": Share(0.02, 0.04),
    "wings": Share(0.02, 0.02),
    "border": Share(0.02, 0.02),
    # Images are smoothed more often than they are sharpened.
    "correlation": Share(0.02, 1.13),
    "second_source": Share(0.0, 0.2),
}
"""So that departures that do harm are found nearly as often as can be (`python -m benchmarks departures`)."""
TESTS = tuple(_SHARES)
_PLACES = {"near": 0.9, "far": 0.1}
"""Of the share for second sources: those near the galaxy bias it most."""
_ROOT_2PI = math.sqrt(2 * math.pi)
_LEAST_SCORE = 2.0
"""Of a maximum of smooth noise; below, its tail is no tail."""
_NEAR_PIXELS = math.pi * 12**2


class Departures(NamedTuple):
    """Of each image."""

    size_bt: Tensor
    """Sky: σ a pixel. Centroid: pixels. Noise, core, wings, border: root mean square residual over the noise. Second
    source: flux over the galaxy's."""
    rareness_bt: Tensor
    """Chance of as large a departure where nothing is wrong, over the test's share: 1 is as rare as it must be."""
    source_bs: Tensor
    """The second source: its flux over the galaxy's, and where it lies, x and y from the stamp's centre, pixels."""

    @property
    def rarest_b(self) -> Tensor:
        """Of all tests."""
        return self.rareness_bt.amin(dim=1)

    def p_values(self, factor: Tensor) -> Tensor:
        """Chance that any test finds its departure as rare as this one did, shape (b, t).

        Args:
            factor: by which rareness is off from what it is meant to be.
        """
        return -torch.expm1(-FALSE_ALARMS * factor * self.rareness_bt)


def departures(examined: Examined, sigma_b: Tensor, flux_b: Tensor, *, size: int) -> Departures:
    """What images depart by from the galaxies that they were held against.

    Args:
        examined: what was found.
        sigma_b: noise of a pixel, counts.
        flux_b: of the galaxies, counts.
        size: pixels on a side.
    """
    scores = dict(zip(CHANGES, examined.score_bc.unbind(1), strict=True))
    sizes = dict(zip(CHANGES, examined.size_bc.unbind(1), strict=True))
    chi2 = dict(zip(REGIONS, examined.chi2_br.unbind(1), strict=True))
    freedom = dict(zip(REGIONS, examined.freedom_br.unbind(1), strict=True))
    chi2["noise"], freedom["noise"] = examined.chi2_br.sum(dim=1), examined.freedom_br.sum(dim=1)
    pairs = 2 * size * (size - 1)
    chances = {
        "sky": _normal(scores["sky"]),
        # Of two standard normal numbers.
        "centroid": (torch.ones_like(sigma_b), torch.exp(-0.5 * (scores["dx"] ** 2 + scores["dy"] ** 2))),
        **{name: _normal(_as_normal(chi2[name], freedom[name])) for name in chi2},
        "correlation": _normal(examined.correlation_b * pairs**0.5),
    }
    source_b, source_bs = _second_source(examined, flux_b, size)
    rareness = [_rareness(*chances[name], share) for name, share in _SHARES.items() if name in chances]
    found = {
        "sky": sizes["sky"] / sigma_b,
        "centroid": torch.hypot(sizes["dx"], sizes["dy"]),
        **{name: (chi2[name] / freedom[name]).clamp_min(0).sqrt() for name in ("noise", *REGIONS)},
        "correlation": examined.correlation_b,
        "second_source": source_bs[:, 0],
    }
    return Departures(
        size_bt=torch.stack([found[name] for name in TESTS], dim=1).float(),
        rareness_bt=torch.stack([*rareness, source_b], dim=1),
        source_bs=source_bs.float(),
    )


def _rareness(below_b: Tensor, above_b: Tensor, share: Share) -> Tensor:
    ends = [chance_b / (of / 1e3) for chance_b, of in zip((below_b, above_b), share, strict=True) if of]
    return torch.stack(ends).amin(dim=0)


def _normal(score_b: Tensor) -> tuple[Tensor, Tensor]:
    """Chances of a smaller and of a larger number."""
    return torch.special.ndtr(score_b), torch.special.ndtr(-score_b)


def _as_normal(chi2_b: Tensor, freedom_b: Tensor) -> Tensor:
    """The standard normal number as rare as a χ² (Wilson & Hilferty 1931)."""
    spread_b = 2 / (9 * freedom_b)
    return ((chi2_b / freedom_b).clamp_min(0) ** (1 / 3) - (1 - spread_b)) / spread_b.sqrt()


def _second_source(examined: Examined, flux_b: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rareness of the second source that is rarer, near or far, and the source.

    The chance that the largest of smooth noise exceeds z is that of a peak: the area over 2 s² times (2π)^(−3/2) z
    exp(−z²/2), for noise that was seen through a Gaussian of standard deviation s (Adler & Hasofer 1976).
    """
    areas = {"near": min(_NEAR_PIXELS, size**2), "far": max(size**2 - _NEAR_PIXELS, 1.0)}
    rareness = []
    for index, place in enumerate(PLACES):
        score_b = examined.source_bs[:, index]
        peaks_b = areas[place] / (2 * examined.source_sd_b**2) / _ROOT_2PI**3
        chance_b = (peaks_b * score_b * torch.exp(-0.5 * score_b**2)).clamp_max(1.0)
        chance_b = torch.where(score_b > _LEAST_SCORE, chance_b, torch.ones_like(chance_b))
        rareness.append(chance_b / (_SHARES["second_source"].above / 1e3 * _PLACES[place]))
    rareness_bs = torch.stack(rareness, dim=1)
    rarer_b1 = rareness_bs.argmin(dim=1, keepdim=True)
    parts = (examined.source_flux_bs / flux_b[:, None], examined.source_x_bs, examined.source_y_bs)
    source_bs = torch.cat([part_bs.gather(1, rarer_b1) for part_bs in parts], dim=1)
    return rareness_bs.gather(1, rarer_b1)[:, 0], source_bs
