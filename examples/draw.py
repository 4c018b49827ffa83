"""Draw the examples again, to the byte as they are here.

python -m examples.draw [FOLDER]
"""

import csv
import sys
from pathlib import Path

import numpy as np
import torch
from astropy.io import fits

from models.galaxies import Camera, render_rows

NAMES = ("flux", "n", "half_light_radius", "g1", "g2")
GALAXY = (1.5, 1.5, 0.35, 0.12, -0.2)
"""Flux in 1e5 counts, Sérsic index, half-light radius in arcsec, shear."""
NEIGHBOUR = (0.6, 1.0, 0.25, 0.0, 0.1)
_AWAY = (9, 7)
"""Pixels from the galaxy to its neighbour, along y and x."""
SIGMA, PSF_FWHM = 220.0, 0.7
"""Noise of a pixel in counts, beside the light's own; width of the PSF in arcsec."""


def main(folder: Path = Path(__file__).parent) -> None:
    """Write the images and the table of truths."""
    random = np.random.default_rng(2026)
    galaxy, neighbour = _drawn(GALAXY), np.roll(_drawn(NEIGHBOUR), _AWAY, axis=(0, 1))
    images = {"galaxy": galaxy, "blend": galaxy + neighbour, "noise": np.zeros_like(galaxy)}
    truths = {"galaxy": GALAXY, "blend": GALAXY, "noise": ("",) * len(NAMES)}
    for name, image in images.items():
        noisy = np.rint(random.normal(image, np.sqrt(SIGMA**2 + image)))
        unit = fits.PrimaryHDU(noisy.astype(np.float32))
        unit.header["BUNIT"] = "counts"
        unit.header["SIGMA"] = (SIGMA, "noise of a pixel [counts]")
        unit.header["PSF_FWHM"] = (PSF_FWHM, "width of the PSF [arcsec]")
        unit.header["PIXSCALE"] = (Camera().pixel_scale, "width of a pixel [arcsec]")
        unit.writeto(folder / f"{name}.fits", overwrite=True)
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", *NAMES))
        table.writerows((f"{name}.fits", *truth) for name, truth in truths.items())


def _drawn(truth: tuple[float, ...]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """The image without noise, in counts."""
    parameters = torch.tensor([truth], dtype=torch.float64) * torch.tensor([1e5, 1, 1, 1, 1])
    return np.asarray(render_rows(parameters, torch.tensor([PSF_FWHM], dtype=torch.float64), Camera())[0])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
