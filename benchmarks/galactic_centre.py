"""The summer school's figures for skies around the Galactic Centre, and this project's networks beside them.

python -m benchmarks galactic_centre
python -m benchmarks.galactic_centre masks             # or numbers, or denoising: a part

Every network is trained for one row or a few on the published number of skies with the published kernel; the models
that are registered have all outputs, or all kinds of noise. Trainings take from five minutes to half an hour each.
"""

import sys

from benchmarks._galactic_denoising import denoising_table
from benchmarks._galactic_masks import masks_table
from benchmarks._galactic_numbers import numbers_table

_PARTS = {"numbers": numbers_table, "masks": masks_table, "denoising": denoising_table}


def main(*parts: str) -> None:
    """Print the tables of some parts, or of all."""
    for part in parts or tuple(_PARTS):
        print(f"-- {part}", flush=True)
        _PARTS[part]()


if __name__ == "__main__":
    main(*sys.argv[1:])
