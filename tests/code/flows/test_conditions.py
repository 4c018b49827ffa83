"""What stands beside an image on the command line: a number, or a file where it is an image itself."""

from pathlib import Path

import numpy as np
import pytest
import typer

from components.problems import find_problem
from flows.commands.serving import _condition


def test_a_condition_is_a_number_or_the_image_in_a_file(tmp_path: Path) -> None:
    read_image = find_problem("deblurring").read_image
    assert _condition("sigma=2.5", read_image) == ("sigma", 2.5)
    psf = np.eye(5) / 5
    np.save(tmp_path / "psf.npy", psf)
    name, value = _condition(f"psf={tmp_path / 'psf.npy'}", read_image)
    assert (name, value) == ("psf", psf.tolist())
    for wrong in ("sigma", "sigma=", "psf=star.fits", f"psf={tmp_path}"):
        with pytest.raises(typer.BadParameter, match="must be NAME=NUMBER, or NAME=FILE of a file that there is"):
            _condition(wrong, read_image)
