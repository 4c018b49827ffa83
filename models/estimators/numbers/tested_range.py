"""Whether an answer lies in the range that the model was tested in, and whether its image departs from what it was.

    range_doubts({"sigma": [100, 800]}, {"sigma": sigma_b})      # [["sigma 900 is outside of 100 to 800, …"], []]
    departure_doubts(outputs)                                    # [["a sky of +0.11 σ a pixel is left …"], []]

One line a reason, the surest first. Shape suffixes: b batch, t tests, k what is not known, p parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.estimators.familiar import FALSE_ALARMS
from models.estimators.numbers.departures import TESTS
from models.estimators.numbers.sensitivities import STEPS, stated_errors
from models.fields import Arrays

__label__ = "tested_range"

NOT_TESTED = ("psf_fwhm", "psf_ellipticity", "psf_shape", "galaxy_profile")
"""What no test of one image can see: the answer is right as far as these are what they were stated to be."""
_NOTHING = 0.01
"""Of the noise."""
_CHI2 = ("noise", "core", "wings", "border")
_MOST_OF_PSF = 1.0
"""Bounds that a stated error of the PSF may move a value by."""


def range_doubts(ranges: Mapping[str, Sequence[float] | None], values: Arrays) -> list[list[str]]:
    """For each image the numbers that lie outside of the range where the model was tested.

    Args:
        ranges: by name low and high; None where the model is reliable nowhere.
        values: shape (b,) each.
    """
    count = len(next(iter(values.values())))
    said: list[list[str]] = [[] for _ in range(count)]
    for name, limits in ranges.items():
        for lines, value in zip(said, values[name].tolist(), strict=True):
            line = _outside(name, value, limits)
            lines += [line] if line else []
    return said


def departure_doubts(outputs: Arrays) -> list[list[str]]:
    """For each image what departs from the galaxy found in it, and by how much.

    Args:
        outputs: with the fields of `held_fields.py`.
    """
    said = []
    for p_values, sizes, source in zip(
        outputs["departure_p_value"].tolist(),
        outputs["departure"].tolist(),
        outputs["second_source"].tolist(),
        strict=True,
    ):
        found = sorted((p_value, index) for index, p_value in enumerate(p_values) if p_value < FALSE_ALARMS)
        tests = _without_echoes([TESTS[index] for _, index in found])
        said.append([_departure(test, sizes[TESTS.index(test)], source) for test in tests])
    return said


def _without_echoes(tests: Sequence[str]) -> list[str]:
    """Of χ² over all pixels and over regions the surest alone: the others see the same."""
    first = next((test for test in tests if test in _CHI2), None)
    return [test for test in tests if test == first or test not in _CHI2]


def psf_doubts(inputs: Arrays, outputs: Arrays) -> list[list[str]]:
    """For each image the values that the stated error of its PSF moves too far."""
    moved_bkp = torch.stack([outputs[f"sensitivity_{name}"] for name in STEPS], dim=1)
    shift_bkp = stated_errors(inputs, moved_bkp)
    if shift_bkp is None:
        return [[] for _ in range(len(moved_bkp))]
    shift_bp = shift_bkp.square().sum(dim=1).sqrt()
    return [
        [f"the stated error of the PSF moves a value by {most:.2g} bounds, more than {_MOST_OF_PSF:g}"]
        if most > _MOST_OF_PSF
        else []
        for most in shift_bp.amax(dim=1).tolist()
    ]


def not_tested(inputs: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What an answer takes for granted; an error of the PSF that was stated is in the answer's own."""
    stated = {"psf_fwhm": "psf_fwhm_error", "psf_ellipticity": "psf_shear_error"}
    return tuple(name for name in NOT_TESTED if stated.get(name) not in inputs)


def _departure(test: str, size: float, source: Sequence[float]) -> str:
    flux, x, y = source
    times = f"{size:.3g}" if size > _NOTHING else f"less than {_NOTHING:g}"
    said: dict[str, Any] = {
        "sky": f"a sky of {size:+.2g} σ a pixel is left in the image",
        "centroid": f"the galaxy lies {size:.2g} pixels off the centre",
        "noise": f"the noise is {times} times the stated σ",
        "core": f"within 5 pixels of the centre the residual is {times} times the noise: another profile or PSF",
        "wings": f"around the galaxy the residual is {times} times the noise: another profile, or something else",
        "border": f"at the border the residual is {times} times the noise: something that is not the galaxy",
        "correlation": f"the noise of neighbouring pixels is correlated by {size:+.2g}",
        "second_source": f"a second source has {100 * flux:.2g} % of the flux, at x {x:+.1f}, y {y:+.1f} pixels",
    }
    return str(said[test])


def _outside(name: str, value: float, limits: Sequence[float] | None) -> str:
    if limits is None:
        return f"the model was nowhere measured to be reliable in {name}"
    low, high = limits
    # Conditions arrive as float32.
    slack = 1e-6 * max(abs(low), abs(high))
    if low - slack <= value <= high + slack:
        return ""
    return f"{name} {value:.4g} is outside of {low:g} to {high:g}, where the model was measured to be reliable"
