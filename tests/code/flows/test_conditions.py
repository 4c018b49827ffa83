"""What stands beside an image on the command line: a number, or a file where it is an image itself."""

from pathlib import Path

import numpy as np
import pytest
import typer

from components.problems import find_problem
from flows.commands.predicting import _conditions, _server


def test_a_condition_is_a_number_or_the_image_in_a_file(tmp_path: Path) -> None:
    read_image = find_problem("deblurring").read_image
    assert _conditions(["sigma=2.5"], read_image) == {"sigma": 2.5}
    psf = np.eye(5) / 5
    np.save(tmp_path / "psf.npy", psf)
    given = _conditions([f"psf={tmp_path / 'psf.npy'}", "sigma=1"], read_image)
    assert given == {"psf": psf.tolist(), "sigma": 1.0}
    for wrong in ("sigma", "sigma=", "psf=star.fits", f"psf={tmp_path}"):
        with pytest.raises(typer.BadParameter, match="must be NAME=NUMBER, or NAME=FILE of a file that there is"):
            _conditions([wrong], read_image)


def test_a_condition_that_is_set_twice_is_named() -> None:
    with pytest.raises(typer.BadParameter, match=r"--set sigma=3: sigma is set twice"):
        _conditions(["sigma=2", "psf_fwhm=1", "sigma=3"], find_problem("galaxy-shape").read_image)


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_an_address_may_end_in_a_slash(end: str) -> None:
    with _server("galaxy-shape", "production", f"http://127.0.0.1:3000{end}") as (address, _):
        assert address == "http://127.0.0.1:3000"
