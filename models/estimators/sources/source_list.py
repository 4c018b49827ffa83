"""From maps to a list of sources: one entry for each pixel that may well be a bright one, row by row.

    sources_bck, count_b = source_list(probability_bhw, flux_bhw, error_bhw, most=1024, pixel_scale=0.469)

The list has a fixed length; what follows the last entry is 0. An entry's probability is that its pixel holds more flux
than makes it bright: as many of those listed do as their probabilities add up to. Flux and error suppose that it does.
A simulated sky has the light of all sources in the middle of their pixels: where within one a source lies, no image
tells, and its standard deviation is that of a uniform law. Shape suffixes: b batch, c columns (`COLUMNS`), k entries,
h height, w width, n pixels.
"""

import torch
from torch import Tensor

__label__ = "source_list"

COLUMNS = ("x", "y", "position_error", "flux", "flux_error", "probability")
"""Degrees from the image's centre, right and up, and their error; counts; of 1."""
LEAST = 0.25
"""Probability of a bright pixel from which it is listed."""
_STEP = 1e-3
"""Of probability: where more pixels qualify than are listed, those of the same step are alike."""


def source_list(
    probability_bhw: Tensor, flux_bhw: Tensor, error_bhw: Tensor, *, most: int, pixel_scale: float
) -> tuple[Tensor, Tensor]:
    """The list, shape (b, c, most), and how many entries each has.

    Args:
        probability_bhw: that a pixel is bright.
        flux_bhw: of it, if it is.
        error_bhw: of that.
        most: entries; where more pixels qualify, the likeliest, and of those alike the first.
        pixel_scale: degrees a pixel.
    """
    size = probability_bhw.shape[1]
    chance_bn = probability_bhw.flatten(1)
    # By steps of probability, and row by row: of nearly the same ones the last bits of a processor would decide.
    pixel_bk = (chance_bn / _STEP).round().argsort(dim=1, descending=True, stable=True)[:, :most]
    listed_bk = chance_bn.gather(1, pixel_bk) >= LEAST
    pixel_bk = torch.where(listed_bk, pixel_bk, chance_bn.shape[1]).sort(dim=1).values
    listed_bk = pixel_bk < chance_bn.shape[1]
    there_bk = torch.where(listed_bk, pixel_bk, 0)
    across_bk, down_bk = (
        (place.to(flux_bhw.dtype) - (size - 1) / 2) * pixel_scale for place in (there_bk % size, there_bk // size)
    )
    columns = {
        "x": across_bk,
        "y": down_bk,
        "position_error": torch.full_like(across_bk, pixel_scale / 12**0.5),
        "flux": flux_bhw.flatten(1).gather(1, there_bk),
        "flux_error": error_bhw.flatten(1).gather(1, there_bk),
        "probability": chance_bn.gather(1, there_bk),
    }
    sources_bck = torch.stack([columns[name] for name in COLUMNS], dim=1)
    return torch.where(listed_bk[:, None], sources_bck, 0), listed_bk.sum(dim=1)
