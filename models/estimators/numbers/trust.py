"""Whether an answer lies where the model was measured to be reliable; the region is part of the package.

doubts(region, {"sigma": 900.0, "psf_fwhm": 0.6}, misfit=0.3, snr=41.0)   # ["sigma 900 is outside of 100–800, …"]
"""

from collections.abc import Mapping
from typing import Any

__label__ = "trust"


def doubts(
    region: Mapping[str, Any], conditions: Mapping[str, float], *, misfit: float | None, snr: float | None
) -> list[str]:
    """Reasons not to trust an answer, one line each; none when it lies within the region.

    Args:
        region: `conditions` (name to range, None where the model is reliable nowhere), `snr` (range or None; left out
            where it was not measured) and `misfit` (largest, or None).
        conditions: as the request states them.
        misfit: χ² of the image against the answer drawn, in standard deviations; None where nothing can be drawn.
        snr: SNR of the answer drawn.
    """
    said = [_outside(name, conditions[name], limits) for name, limits in region["conditions"].items()]
    if snr is not None and "snr" in region:
        said.append(_outside("the SNR", snr, region["snr"]))
    if misfit is not None and region["misfit"] is not None and misfit > region["misfit"]:
        said.append(
            f"the image differs from the answer drawn by {misfit:.1f} standard deviations of χ², more than "
            f"{region['misfit']:.1f}: a neighbour, another PSF or another noise level than stated"
        )
    return [line for line in said if line]


def _outside(name: str, value: float, limits: list[float] | None) -> str:
    if limits is None:
        return f"the model was nowhere measured to be reliable in {name}"
    low, high = limits
    # Conditions arrive as float32.
    slack = 1e-6 * max(abs(low), abs(high))
    if low - slack <= value <= high + slack:
        return ""
    return f"{name} {value:.4g} is outside of {low:g} to {high:g}, where the model was measured to be reliable"
