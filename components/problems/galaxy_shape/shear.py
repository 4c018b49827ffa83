"""Shear from measured shapes: multiplicative bias m and additive c, in slices of what the model itself finds.

    found = ask_rings(problem, answer, settings, rings, seed=7, device=device, progress=progress)
    m, c = biases(found, "likelihood", slices["snr20_40"])

m + 1 is how the mean shape of a slice's galaxies changes with the shear, c the mean shape without any. Who is in a
slice depends on the shear, too, since the SNR and radius found do: each sign of it has its own members, whose weights
fall off smoothly at the slice's ends, so that the response of the selection counts and is not decided by few galaxies.
Shape suffixes: s signs of the shear, n images, k galaxies.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from components.evidence import observed
from components.fields import Answer, Metric
from components.problems.galaxy_shape.rings import SHEAR, TURNS, Rings
from components.simulators.sersic import Array

if TYPE_CHECKING:
    import torch

    from components.evidence.numbers import RegressionProblem
    from components.problems.galaxy_shape.settings import GalaxyShapeSettings

__label__ = "galaxy_shear"

ANSWERS = ("posterior", "likelihood")
SOFT = {"snr": 0.2, "half_light_radius": 0.2, "psf_fwhm": 0.01}
"""Of a slice's end, within which weights fall from 1 to 0: a sharp one has three times the noise. The shear does not
change the PSF."""
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Sheared:
    """What a model finds of galaxies in rings, first under +γ, then under −γ: shape (s, n), four rows a galaxy."""

    shape: Mapping[str, Array]
    """By answer: the component of the shape along the shear."""
    found: Mapping[str, Array]
    """Of the likelihood's answer: `snr`, `half_light_radius`, `n`, `ellipticity`; and the known `psf_fwhm`."""
    along_n: np.ndarray[Any, Any]
    """0 where the shear goes along g1, 1 along g2."""

    def part(self, rows: slice) -> "Sheared":
        """Some of the images."""
        return Sheared(
            shape={name: values[:, rows] for name, values in self.shape.items()},
            found={name: values[:, rows] for name, values in self.found.items()},
            along_n=self.along_n[rows],
        )


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Galaxies for which all of some numbers lie within ranges that are soft at their ends."""

    ranges: Mapping[str, tuple[float, float]]
    """By name in `Sheared.found`; 0 and ∞ for no end."""

    def weights(self, found: Mapping[str, Array]) -> Array:
        """How much each image counts, 0 to 1."""
        weight = np.ones_like(next(iter(found.values())))
        for name, ends in self.ranges.items():
            weight = weight * _within(found[name], ends, SOFT[name])
        return weight

    def slopes(self, found: Mapping[str, Array], name: str) -> Array:
        """The derivative of the weights by the logarithm of one of the numbers."""
        if name not in self.ranges:
            return np.zeros_like(found[name])
        others = Slice(ranges={other: ends for other, ends in self.ranges.items() if other != name})
        ends, soft = self.ranges[name], SOFT[name]
        rise, fall = (stats.norm.pdf(_from(found[name], end, soft)) / soft if 0 < end < np.inf else 0.0 for end in ends)
        slopes: Array = others.weights(found) * (rise - fall)
        return slopes


def ask_rings(
    problem: "RegressionProblem",
    answer: Answer,
    settings: "GalaxyShapeSettings",
    rings: Iterable[Rings],
    *,
    seed: int,
    device: "torch.device",
    progress: Callable[[int], object],
) -> Sheared:
    """Have every image answered, each pair of signs under the same noise."""
    parts = [
        [_read(problem, answer, settings, ring, sign, [seed, number], device) for sign in (0, 1)]
        for number, ring in enumerate(_told(rings, progress))
    ]
    joined = {name: np.stack([np.concatenate([part[sign][name] for part in parts]) for sign in (0, 1)])
              for name in parts[0][0]}  # fmt: skip
    along_n = joined.pop("along")[0]
    shape = {name: joined.pop(name) for name in ANSWERS}
    return Sheared(shape=shape, found=joined, along_n=along_n)


def biases(sheared: Sheared, answer: str, chosen: Slice) -> tuple["Estimate", dict[str, Metric]]:
    """The response 1 + m of a slice's mean shape to the shear, and c of both components.

    Returns:
        The response, and c by the name of its component.
    """
    weight_sn, shape_sn = chosen.weights(sheared.found), sheared.shape[answer]
    plus, minus = (ratio_of(weight_sn[sign] * shape_sn[sign], weight_sn[sign]) for sign in (0, 1))
    response = (plus - minus) * (1 / (2 * SHEAR))
    of_component = {}
    for number, name in enumerate(("c1", "c2")):
        weight_sn = chosen.weights(sheared.found) * (sheared.along_n == number)
        plus, minus = (ratio_of(weight_sn[sign] * shape_sn[sign], weight_sn[sign]) for sign in (0, 1))
        of_component[name] = ((plus + minus) * 0.5).metric()
    return response, of_component


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number, and by how much each independent galaxy moves it: their mean is 0."""

    value: float
    influence_k: Array

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(value=self.value + other.value, influence_k=self.influence_k + other.influence_k)

    def __sub__(self, other: "Estimate") -> "Estimate":
        return self + other * -1.0

    def __mul__(self, factor: float) -> "Estimate":
        return Estimate(value=self.value * factor, influence_k=self.influence_k * factor)

    def over(self, other: "Estimate") -> "Estimate":
        """The ratio, whose two parts come from the same galaxies."""
        ratio = self.value / other.value
        return Estimate(value=ratio, influence_k=(self.influence_k - ratio * other.influence_k) / other.value)

    @property
    def error(self) -> float:
        """Standard deviation."""
        return float(self.influence_k.std(ddof=1) / np.sqrt(len(self.influence_k)))

    def metric(self, less: float = 0.0, *, error: float = 0.0) -> Metric:
        """With its 95 % interval.

        Args:
            less: subtracted.
            error: a standard deviation beside that from these galaxies.
        """
        reach = stats.norm.ppf((1 + _CONFIDENCE) / 2) * np.hypot(self.error, error)
        value = self.value - less
        return Metric(value=value, low=float(value - reach), high=float(value + reach))


def ratio_of(total_n: Array, weight_n: Array) -> Estimate:
    """A sum over images relative to another one; those of one galaxy are not independent."""
    total_k, weight_k = (of.reshape(-1, TURNS).sum(axis=1) for of in (total_n, weight_n))
    ratio = float(total_k.sum() / weight_k.sum())
    return Estimate(value=ratio, influence_k=(total_k - ratio * weight_k) / weight_k.mean())


def _within(value: Array, ends: tuple[float, float], soft: float) -> Array:
    """Normal distributions of the logarithm, rising at one end and falling at the other."""
    low, high = ends
    inside: Array = np.ones_like(value)
    if low > 0:
        inside = stats.norm.cdf(_from(value, low, soft))
    return inside - stats.norm.cdf(_from(value, high, soft)) if high < np.inf else inside


def _from(value: Array, end: float, soft: float) -> Array:
    away: Array = np.log(np.maximum(value, 1e-6) / end) / soft
    return away


def _told(rings: Iterable[Rings], progress: Callable[[int], object]) -> Iterable[Rings]:
    for ring in rings:
        yield ring
        progress(2 * len(ring.along_b))


def _read(
    problem: "RegressionProblem",
    answer: Answer,
    settings: "GalaxyShapeSettings",
    ring: Rings,
    sign: int,
    seed: list[int],
    device: "torch.device",
) -> dict[str, Array]:
    parts = []
    for batch in observed(problem, ring.stored[sign], settings, seed=seed, device=device):
        outputs = {name: array.double().cpu().numpy() for name, array in answer(batch.inputs).items()}
        g1, g2 = (outputs[f"likelihood_{name}"] for name in ("g1", "g2"))
        parts.append(
            {
                **{f"{name}_{g}": outputs[f"{name}_{g}"] for name in ANSWERS for g in ("g1", "g2")},
                "snr": outputs["snr"],
                "half_light_radius": outputs["likelihood_half_light_radius"],
                "n": outputs["likelihood_n"],
                "ellipticity": np.hypot(g1, g2),
                "psf_fwhm": batch.inputs["psf_fwhm"].double().cpu().numpy(),
            }
        )
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name in ANSWERS:
        first, second = (whole.pop(f"{name}_{g}") for g in ("g1", "g2"))
        whole[name] = np.where(ring.along_b == 0, first, second)
    return {**whole, "along": ring.along_b}
