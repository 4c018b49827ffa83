"""Do probabilities mean what they say? Of all that gets a probability of 30 %, 30 % must be so.

    binned = reliability(probability_bn, truth_bn)          # (b, 3, BINS), a few numbers an image
    error = calibration_error(binned.mean(axis=0))          # the expected calibration error
    table = reliability_table(binned)

After Naeini, Cooper & Hauskrecht (2015).
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence.intervals import Array

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "reliability"

BINS = 10
"""Of the probability, equally wide."""


def reliability(probability_bn: "Tensor", truth_bn: "Tensor") -> "Tensor":
    """For each image and bin the share of entries in it, and the sums of their probabilities and truths as shares.

    Args:
        probability_bn: of each entry of each image, such as a pixel.
        truth_bn: 1 where it was so, else 0.

    Returns:
        Shape (b, 3, BINS), float64; the mean over images is that of all entries.
    """
    import torch

    probability_bn, truth_bn = probability_bn.double(), truth_bn.double()
    bin_bn = (probability_bn * BINS).long().clamp(0, BINS - 1)
    bins = []
    for number in range(BINS):  # one after the other: sums that are scattered on a GPU differ from run to run
        inside_bn = (bin_bn == number).double()
        bins.append(torch.stack([(inside_bn * of).mean(dim=1) for of in (1.0, probability_bn, truth_bn)], dim=1))
    return torch.stack(bins, dim=2)


def calibration_error(mean: Array) -> float:
    """Mean distance between probability and share, over entries, bin by bin.

    Args:
        mean: of `reliability` over images, shape (3, BINS).
    """
    return float(np.abs(mean[1] - mean[2]).sum())


def reliability_table(binned: Array) -> pd.DataFrame:
    """One row a bin that has entries: mean probability, share that was so, share of all entries.

    Args:
        binned: of `reliability`, shape (images, 3, BINS).
    """
    share, probability, truth = binned.mean(axis=0)
    filled = share > 0
    return pd.DataFrame(
        {
            "probability": probability[filled] / share[filled],
            "found": truth[filled] / share[filled],
            "share": share[filled],
        }
    )
