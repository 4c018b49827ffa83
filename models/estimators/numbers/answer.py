"""What is said of a batch of images, as tensors over all parameters.

Shape suffixes: b batch, p parameters, q quantiles.
"""

from typing import NamedTuple

from torch import Tensor

__label__ = "numbers_answer"

LEVELS = (*(step / 40 for step in range(1, 7)), 0.16, *(step / 40 for step in range(7, 34)), 0.84,
          *(step / 40 for step in range(34, 40)))  # fmt: skip
"""Probabilities of the quantiles in an answer: every 2.5 %, and the ends of the 68 % interval."""


class Answer(NamedTuple):
    """What is said of a batch of images, in physical units."""

    value_bp: Tensor
    """The estimates."""
    covariance_bpp: Tensor
    """Expected product of the values' errors, given the image: (value − truth)(value − truth)ᵀ."""
    quantile_bpq: Tensor
    """Quantiles of the truth, given the image, at `LEVELS`."""
    unscored_bp: Tensor
    """The values before any scoring step: the network's alone."""
    misfit_b: Tensor | None
    """χ² of the image against the answer drawn, as a number of standard deviations; None where nothing can be drawn."""
    snr_b: Tensor | None
    """SNR of the answer drawn."""
    converged_b: Tensor | None = None
    """Whether the search for the value converged; None where none was made."""

    @property
    def error_bp(self) -> Tensor:
        """Root mean square error of each value."""
        return self.covariance_bpp.diagonal(dim1=1, dim2=2).sqrt()

    def interval(self, probability: float) -> tuple[Tensor, Tensor]:
        """Ends of the central interval that holds the truth with this probability: 0.68, or a twentieth."""
        low, high = (1 - probability) / 2, (1 + probability) / 2
        ends = [min(range(len(LEVELS)), key=lambda index: abs(LEVELS[index] - level)) for level in (low, high)]
        if max(abs(LEVELS[end] - level) for end, level in zip(ends, (low, high), strict=True)) > 1e-9:
            raise ValueError(f"probability = {probability:g}: must be 0.68, or a twentieth such as 0.95")
        return self.quantile_bpq[:, :, ends[0]], self.quantile_bpq[:, :, ends[1]]
