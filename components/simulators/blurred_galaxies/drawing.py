"""Draw galaxies as a space telescope would see them, and say under which PSF and at which SNR they are to be seen.

    catalogue, truth_bhw = draw_galaxies(settings, drawing_seeds(settings, "train", range(64)))
    truth_shw = sharp_images(galaxies, place_s2, settings)            # of any parameters

The same bytes on every machine. Shape suffixes: b galaxies, h height, w width.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from components.fields import Seeds, random_numbers, rounded
from components.simulators.blurred_galaxies.settings import FINER, FLUX, BlurredGalaxySettings
from components.simulators.blurred_galaxies.structure import DISK_INDEX, PER_STRUCTURE, structured
from components.simulators.threads import one_thread
from models.galaxies import SHAPE, render_rows

__label__ = "blurred_galaxies"

CONDITIONS = ("psf_fwhm", "psf_g1", "psf_g2", "snr")
"""Columns that say how a galaxy is to be seen."""
DRAWN = 4
"""Random numbers that these are drawn by."""
_PER_GALAXY = 7
_OF_GALAXY, _OF_CONDITIONS, _OF_STRUCTURE = range(3)
"""Streams of random numbers."""
_DECIMALS = {"n": 5, "half_light_radius": 6, "g1": 6, "g2": 6, "psf_fwhm": 5, "psf_g1": 6, "psf_g2": 6, "snr": 3}
_TRUTH_DECIMALS = 3
"""Of a pixel, in counts of `FLUX`."""
_BLOCK = 128

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Images = np.ndarray[Any, np.dtype[np.float32]]


def draw_galaxies(settings: BlurredGalaxySettings, seed_b: Seeds) -> tuple[pd.DataFrame, Images]:
    """One galaxy for each seed.

    Returns:
        `models.galaxies.SHAPE` (of the disk where there is more), `place_x` and `place_y` (0, or 1 where it is centred
        in a pixel and not on an edge), `structured`, and `CONDITIONS`; and galaxies without PSF and noise, counts,
        shape (b, size, size).
    """
    chance_bk = random_numbers(seed_b, _PER_GALAXY, stream=_OF_GALAXY)
    seen = conditions(settings, random_numbers(seed_b, DRAWN, stream=_OF_CONDITIONS))
    index, radius, length, turn, right, down, plain = chance_bk.T
    shear, angle = _between(settings.ellipticity, length), 2 * np.pi * turn
    rich_b = plain < settings.structured
    drawn = {
        "n": np.where(rich_b, _between(DISK_INDEX, index), _between(settings.n, index)),
        "half_light_radius": np.exp(_between(np.log(settings.half_light_radius), radius)),
        "g1": shear * np.cos(angle),
        "g2": shear * np.sin(angle),
        **{name: seen[:, column] for column, name in enumerate(CONDITIONS)},
    }
    table = pd.DataFrame({name: rounded(values, _DECIMALS[name]) for name, values in drawn.items()})
    for name in ("n", "half_light_radius", "psf_fwhm", "snr"):
        table[name] = table[name].clip(*getattr(settings, name))  # ends may have more decimals
    table.insert(0, "flux", FLUX)
    table["place_x"], table["place_y"] = (right >= 0.5).astype(np.int64), (down >= 0.5).astype(np.int64)
    table["structured"] = rich_b.astype(np.int64)
    of_structure_bk = random_numbers(seed_b, PER_STRUCTURE, stream=_OF_STRUCTURE)
    truth_bhw = np.empty((len(table), settings.size, settings.size), dtype=np.float32)
    for start in range(0, len(table), _BLOCK):
        block = table[start : start + _BLOCK]
        galaxies = torch.from_numpy(block[list(SHAPE)].to_numpy(dtype=np.float64, copy=True))
        fine_bhw = _fine_images(galaxies, settings)
        rich = np.flatnonzero(block["structured"])
        if len(rich):
            of_rich_bk = of_structure_bk[start : start + _BLOCK][rich]
            rich_bhw = structured(fine_bhw[rich].numpy(), block.iloc[rich], of_rich_bk, settings)
            fine_bhw[rich] = torch.from_numpy(rich_bhw)
        drawn_bhw = _in_pixels(fine_bhw, block[["place_x", "place_y"]].to_numpy(), settings).numpy()
        truth_bhw[start : start + _BLOCK] = rounded(drawn_bhw, _TRUTH_DECIMALS)
    return table, truth_bhw


def conditions(settings: BlurredGalaxySettings, uniform_bk: Numbers) -> Numbers:
    """Columns as in `CONDITIONS`, by numbers between 0 and 1, shape (b, `DRAWN`)."""
    fwhm, length, turn, snr = uniform_bk.T
    angle = 2 * np.pi * turn
    return np.stack(
        [
            _between(settings.psf_fwhm, fwhm),
            settings.psf_ellipticity * length * np.cos(angle),
            settings.psf_ellipticity * length * np.sin(angle),
            np.exp(_between(np.log(settings.snr), snr)),
        ],
        axis=1,
    )


def sharp_images(galaxy_bp: Tensor, place_b2: np.ndarray[Any, Any], settings: BlurredGalaxySettings) -> Tensor:
    """Galaxies through the sharp PSF and pixels, in their own precision, shape (b, size, size).

    Args:
        galaxy_bp: columns as in `models.galaxies.SHAPE`.
        place_b2: `place_x` and `place_y`.
        settings: camera.
    """
    return _in_pixels(_fine_images(galaxy_bp, settings), place_b2, settings)


def _fine_images(galaxy_bp: Tensor, settings: BlurredGalaxySettings) -> Tensor:
    with one_thread():
        return render_rows(galaxy_bp, torch.full_like(galaxy_bp[:, 0], settings.sharp_fwhm), settings.camera)


def _in_pixels(fine_bhw: Tensor, place_b2: np.ndarray[Any, Any], settings: BlurredGalaxySettings) -> Tensor:
    side = FINER * settings.size
    image_bhw = fine_bhw.new_empty(len(fine_bhw), settings.size, settings.size)
    for x in (0, 1):
        for y in (0, 1):
            rows = torch.from_numpy((place_b2[:, 0] == x) & (place_b2[:, 1] == y))
            # From the second pixel a galaxy is centred on an edge; from the first half a pixel farther.
            here = fine_bhw[rows][:, 1 - y : 1 - y + side, 1 - x : 1 - x + side]
            image_bhw[rows] = here.reshape(-1, settings.size, FINER, settings.size, FINER).sum(dim=(2, 4))
    return image_bhw


def _between(ends: Any, uniform: Numbers) -> Numbers:
    low, high = ends
    found: Numbers = low + (high - low) * uniform
    return found
