"""Five thousand FITS cutouts with a catalogue, in one command: its rate, its memory, and that its table is whole.

python -m benchmarks serving            # which calls it, with the same model and in the same run
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

_COUNT = 5000
_FEW = 256


@dataclass(frozen=True, kw_only=True)
class Command:
    """What one command took."""

    images: int
    seconds: float
    peak_mib: float
    """Of its own process, not of the server's."""
    bare: float
    """Images that the model itself answered in a second, before and after."""

    def line(self, what: str) -> str:
        """In words."""
        rate = self.images / self.seconds
        said = f"{self.images} FITS files with a catalogue in one command {what}: {self.seconds:.1f} s"
        return (
            f"{said}, {rate:.0f} images/s, {rate / self.bare:.2f} of the model itself, {self.peak_mib:.0f} MiB at most"
        )


def measure_cutouts(
    problem: str, url: str, one: Mapping[str, Any], bare: Callable[[], float], scratch: Path
) -> tuple[Command, Command, Command]:
    """The command against a server for few and for all files, and for all with a server of its own.

    Args:
        problem: whose model answers.
        url: of a server that runs.
        one: an image with what stands beside it, batch first.
        bare: measures the images that the model itself answers in a second.
        scratch: where the files go.
    """
    folder = scratch / "cutouts"
    folder.mkdir()
    generator = np.random.default_rng(1)
    beside = {name: float(np.ravel(array)[0]) for name, array in one.items() if name != "image"}
    names = [f"cutout-{number:04}.fits" for number in range(_COUNT)]
    for name in names:  # each with noise of its own
        noisy = one["image"][0] + generator.normal(0, 1, one["image"][0].shape)
        fits.PrimaryHDU(noisy.astype(np.float32)).writeto(folder / name)
    catalogue = Table({"file": names, **{name: [value] * _COUNT for name, value in beside.items()}})
    catalogue["RA"] = generator.uniform(0, 360, _COUNT)
    catalogue["RA"].unit = "deg"
    catalogue.write(scratch / "catalogue.fits")
    few = [str(folder / name) for name in names[:_FEW]]
    commands = (
        _run(problem, few, scratch, _FEW, bare, "--url", url),
        _run(problem, [str(folder)], scratch, _COUNT, bare, "--url", url),
        _run(problem, [str(folder)], scratch, _COUNT, bare),
    )
    table = Table.read(scratch / "answers.fits", mask_invalid=False)  # an empty text is one
    if len(table) != _COUNT or any(table["refused"]) or str(table["RA"].unit) != "deg":
        raise SystemExit(f"the table has {len(table)} rows, refused: {sorted(set(table['refused']))[:3]}")
    return commands


def _run(problem: str, files: list[str], scratch: Path, images: int, bare: Callable[[], float], *more: str) -> Command:
    out = scratch / "answers.fits"
    out.unlink(missing_ok=True)
    told = ["--catalogue", str(scratch / "catalogue.fits"), "--out", str(out), *more]
    before, began = bare(), time.perf_counter()
    with (scratch / "predict.log").open("w") as log:
        command = [sys.executable, "-m", "assay", "predict", problem, *files, *told]
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)  # with what the child used
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit((scratch / "predict.log").read_text()[-2000:])
    return Command(images=images, seconds=seconds, peak_mib=used.ru_maxrss / 1024, bare=(before + bare()) / 2)
