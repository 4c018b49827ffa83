"""What is said of a batch of images, as tensors over all parameters.

Shape suffixes: b batch, p parameters, q quantiles, t tests,
k what is not known.
"""

from typing import NamedTuple

from torch import Tensor

from models.estimators.numbers.departures import Departures

__label__ = "numbers_answer"

LEVELS = (*(step / 40 for step in range(1, 7)), 0.16, *(step / 40 for step in range(7, 34)), 0.84,
          *(step / 40 for step in range(34, 40)))  # fmt: skip
"""Probabilities of the quantiles in an answer: every 2.5 %, and the ends of the 68 % interval."""


class Likelihood(NamedTuple):
    """What the images alone say, in physical units: no prior pulls these values."""

    value_bp: Tensor
    """The maximum of the likelihood over what can be drawn, less its bias."""
    covariance_bpp: Tensor
    """The inverse Fisher matrix there: the bound of a galaxy like it."""
    edge_b: Tensor
    """Whether it lies at an edge of what can be drawn, where it is no maximum and its covariance means little."""
    converged_b: Tensor
    """Whether the search for it converged."""


class Held(NamedTuple):
    """An answer drawn and held against its image."""

    snr_b: Tensor
    """Of the galaxy drawn."""
    departures: Departures
    p_value_bt: Tensor
    """Of each departure; calibrated, so that of all together is below 0.01 for one image in a hundred."""
    moved_bkp: Tensor
    """What one step of what is not known moves the parameters by, in physical units."""
    covariance_bpp: Tensor
    """The inverse Fisher matrix there."""


class Answer(NamedTuple):
    """What is said of a batch of images, in physical units."""

    mean_bp: Tensor
    """Of the posterior: what is known of the truth, given the image and the prior."""
    covariance_bpp: Tensor
    """Of the posterior."""
    quantile_bpq: Tensor
    """Of the posterior, at `LEVELS`."""
    network_bp: Tensor
    """The posterior mean before any search: the network's alone."""
    held: Held | None = None
    """None where nothing can be drawn."""
    likelihood: Likelihood | None = None
    """None where no search was made."""
    effective_b: Tensor | None = None
    """How many of the draws that the posterior rests on count; None where it rests on none."""

    def interval(self, probability: float) -> tuple[Tensor, Tensor]:
        """Ends of the central interval that holds the truth with this probability: 0.68, or a twentieth."""
        low, high = (1 - probability) / 2, (1 + probability) / 2
        ends = [min(range(len(LEVELS)), key=lambda index: abs(LEVELS[index] - level)) for level in (low, high)]
        if max(abs(LEVELS[end] - level) for end, level in zip(ends, (low, high), strict=True)) > 1e-9:
            raise ValueError(f"probability = {probability:g}: must be 0.68, or a twentieth such as 0.95")
        return self.quantile_bpq[:, :, ends[0]], self.quantile_bpq[:, :, ends[1]]
