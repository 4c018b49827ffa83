"""What stands beside an image on the command line: a number, or a file where it is an image itself."""

from pathlib import Path

import numpy as np
import pytest
import typer

from components.core import AssayError
from components.problems import find_reading
from flows.asked_server import answering, wanted_by
from flows.commands.conditions import conditions_of
from tests.toys.answering_server import answering_server


def test_a_condition_is_a_number_or_the_image_in_a_file(tmp_path: Path) -> None:
    read_image = find_reading("deblurring").read_image
    assert conditions_of(["sigma=2.5"], read_image) == {"sigma": 2.5}
    psf = np.eye(5) / 5
    np.save(tmp_path / "psf.npy", psf)
    given = conditions_of([f"psf={tmp_path / 'psf.npy'}", "sigma=1"], read_image)
    assert given == {"psf": psf.tolist(), "sigma": 1.0}
    for wrong in ("sigma", "sigma=", "psf=star.fits", f"psf={tmp_path}"):
        with pytest.raises(typer.BadParameter, match="must be NAME=NUMBER, or NAME=FILE of a file that there is"):
            conditions_of([wrong], read_image)


def test_a_condition_that_is_set_twice_is_named() -> None:
    with pytest.raises(typer.BadParameter, match=r"--set sigma=3: sigma is set twice"):
        conditions_of(["sigma=2", "psf_fwhm=1", "sigma=3"], find_reading("galaxy-shape").read_image)


def test_a_server_of_another_problem_is_named_before_it_is_asked() -> None:
    with answering_server(3) as there:
        assert [one["name"] for one in wanted_by(there.url, None, "toys", {})] == ["image", "sigma"]
        with pytest.raises(AssayError, match=rf"{there.url} answers for toys, not galaxy-shape: name that problem"):
            wanted_by(there.url, None, "galaxy-shape", {})


@pytest.mark.parametrize("end", ["", "/", "//"])
def test_an_address_may_end_in_a_slash(end: str) -> None:
    with answering(None, f"http://127.0.0.1:3000{end}") as (address, _):
        assert address == "http://127.0.0.1:3000"
