"""Pixels that can be drawn at the same time: those whose PSFs do not overlap.

    for colour in Colours(settings, psf):                           # 25 times for a PSF of 5 x 5 pixels
        padded_bn[:, colour.under_cj]                               # what lies under each pixel's PSF

Suffixes: b skies, n pixels, c pixels of one colour, j pixels under a PSF.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from components.simulators.galactic_centre.prior import GalacticCentreSettings

__label__ = "galactic_centre_colours"


class Colour(NamedTuple):
    """Pixels whose PSFs do not overlap."""

    at_c: Tensor
    """Without the margin."""
    under_cj: Tensor
    """The pixels with the margin under each of their PSFs."""
    spread_j: Tensor
    """The PSF."""


class Colours:
    """All of them, on a map that has a margin.

    Args:
        settings: the camera.
        psf: as of `psf_matrix`.
    """

    def __init__(self, settings: GalacticCentreSettings, psf: Tensor) -> None:
        size, wide = settings.size, settings.psf_pixels
        self._reach = wide // 2
        padded = size + 2 * self._reach
        # A row of the matrix away from the edges is the kernel.
        kernel = psf[size // 2, size // 2 - self._reach : size // 2 + self._reach + 1]
        self._spread_j = torch.outer(kernel, kernel).flatten()
        offset_j = (torch.arange(wide)[:, None] * padded + torch.arange(wide)).flatten()
        self._sets = []
        for row in range(wide):
            for column in range(wide):
                rows, columns = torch.arange(row, size, wide)[:, None], torch.arange(column, size, wide)
                at_c, corner_c = ((rows * across + columns).flatten() for across in (size, padded))
                self._sets.append((at_c.to(psf.device), (corner_c[:, None] + offset_j).to(psf.device)))
        self.within_n = self.pad(torch.ones(1, size, size, device=psf.device))[0]
        """1 for what was seen, 0 for the margin."""

    def pad(self, map_bhw: Tensor) -> Tensor:
        """Maps with a margin of zeros, flat, shape (b, n)."""
        return functional.pad(map_bhw, (self._reach,) * 4).flatten(1)

    def __iter__(self) -> Iterator[Colour]:
        """One after the other."""
        for at_c, under_cj in self._sets:
            yield Colour(at_c, under_cj, self._spread_j)
