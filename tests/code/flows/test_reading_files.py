"""What a file gives a model: planes by name, scale and unit held against the model's, and what is to be told of it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from assay.client import Client
from components.core.errors import AssayError
from components.problems import NAMES, find_problem, find_reading
from flows.answering_files import AnswerTable
from flows.asked_files import Catalogue
from flows.reading_files import Given, Told, given_by, lines, read_file
from models.fields import Field
from models.galaxies import SHAPE
from tests.code.services.test_headers import header_of
from tests.toys.answering_server import answering_server

GALAXY = find_reading("galaxy-shape")
FIELDS = (
    Field(name="image", shape=(16, 16), unit="counts", pixel_scale=0.2),
    Field(name="sigma", unit="counts"),
    Field(name="psf", shape=(5, 5), optional=True),
    Field(name="psf_fwhm", unit="arcsec", optional=True),
)
WANTED = [field.as_json() for field in FIELDS]
IMAGE = np.random.default_rng(2).normal(0, 10, (16, 16)).astype(np.float32)
KNOWN = {"sigma": 10.0, "psf_fwhm": 0.7}


IMPORTED = """
import sys
from pathlib import Path
import flows.answering_files
import flows.commands.predicting
from components.problems import NAMES, find_reading
from flows.reading_files import given_by, read_file
for name in NAMES:
    read = read_file(Path(sys.argv[1]), find_reading(name))
    given_by(read, [{"name": "image", "shape": read.image.shape, "unit": ""}], {}, resample=False)
print(*sorted(set(sys.modules) & {"galsim", "mlflow", "optuna", "prefect", "scipy", "torch"}))
"""


@pytest.mark.parametrize("name", NAMES)
def test_files_are_read_for_a_problem_as_it_reads_them_itself(name: str) -> None:
    own, found = find_problem(name).reading, find_reading(name)
    assert (type(own), vars(own)) == (type(found), vars(found))


def test_reading_files_imports_nothing_that_computes(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", IMAGE)
    command = [sys.executable, "-c", IMPORTED, str(tmp_path / "image.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr


def given(path: Path, *, resample: bool = False, known: dict[str, float] = KNOWN) -> Given:
    return given_by(read_file(path, GALAXY), WANTED, known, resample=resample)


def written(path: Path, image: np.ndarray[Any, Any] = IMAGE, *planes: Any, **words: Any) -> Path:
    header = fits.Header(words)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image, header, name="SCI"), *planes]).writeto(path)
    return path


def test_what_lies_in_memory_of_a_file_is_counted_once(tmp_path: Path) -> None:
    alone = read_file(written(tmp_path / "alone.fits"), GALAXY)
    flags = fits.ImageHDU(np.zeros(IMAGE.shape, np.int16), name="DQ")
    beside = read_file(written(tmp_path / "beside.fits", IMAGE, flags), GALAXY)
    assert (alone.bytes, beside.bytes) == (8 * IMAGE.size, 8 * IMAGE.size + 2 * IMAGE.size)


def test_planes_that_inputs_are_called_after_are_given_and_others_are_named(tmp_path: Path) -> None:
    psf = np.ones((5, 5), dtype=np.float32)
    planes = [fits.ImageHDU(psf, name="PSF"), *(fits.ImageHDU(IMAGE, name=name) for name in ("ERR", "DQ"))]
    found = given(written(tmp_path / "a.fits", IMAGE, *planes, PIXSCALE=0.2, BUNIT="ct"))
    assert np.array_equal(found.inputs["psf"], psf)
    assert set(found.inputs) == {"image", "sigma", "psf", "psf_fwhm"}
    assert (found.told.unused, found.told.unknown, found.told.doubts) == (("ERR", "DQ"), (), ())
    told = {tmp_path / name: found.told for name in ("a.fits", "b.fits", "c.fits")} | {tmp_path / "d.fits": Told()}
    said = "unused: ERR, DQ: the model takes image, sigma, psf, psf_fwhm"
    assert lines(told, WANTED) == [f"{tmp_path / 'a.fits'} and 2 more: {said}"]


def test_the_noise_is_that_of_the_plane_of_errors_where_nobody_says_another(tmp_path: Path) -> None:
    wanted = [{**field, "estimated": field["name"] == "sigma"} for field in WANTED]
    error = np.full_like(IMAGE, 12)
    error[:4] = 300  # a source's own
    error[5] = np.nan
    path = written(tmp_path / "a.fits", IMAGE, fits.ImageHDU(error, name="ERR"))
    found = given_by(read_file(path, GALAXY), wanted, {}, resample=False)
    assert (found.inputs["sigma"], found.told.unused) == (12, ())
    assert "sigma is the median of the plane ERR" in lines({path: found.told}, wanted)[0]
    said = given_by(read_file(path, GALAXY), wanted, {"sigma": 10.0}, resample=False)
    assert (said.inputs["sigma"], said.told.unused) == (10, ("ERR",))
    for number, useless in enumerate((np.zeros_like(IMAGE), error[:8], np.where(error < 300, np.nan, error))):
        path = written(tmp_path / f"{number}.fits", IMAGE, fits.ImageHDU(useless, name="ERR"))
        found = given_by(read_file(path, GALAXY), wanted, {}, resample=False)
        assert ("sigma" in found.inputs, found.told.unused) == (False, ("ERR",))


def test_flagged_pixels_make_an_answer_doubted(tmp_path: Path) -> None:
    for flags, doubts in ((0, ()), (3, ("the plane DQ flags 3 of the image's 256 pixels",))):
        quality = np.zeros(IMAGE.shape, np.int16)
        quality[7, :flags] = 16
        told = given(written(tmp_path / f"{flags}.fits", IMAGE, fits.ImageHDU(quality, name="DQ"))).told
        assert (told.doubts, told.unused) == (doubts, ())


def test_another_scale_is_refused_or_resampled_with_its_noise_and_always_doubted(tmp_path: Path) -> None:
    large = np.random.default_rng(2).normal(0, 10, (80, 80)).astype(np.float32)
    path = written(tmp_path / "a.fits", large, PIXSCALE=0.05, BUNIT="counts")
    with pytest.raises(
        AssayError, match=r"a.fits: has pixels of 0.05 arcsec, and .* on 0.2: resample it by --resample"
    ):
        given(path)
    found = given(path, resample=True)
    assert found.inputs["image"].shape == (16, 16)
    assert found.inputs["image"].sum() == pytest.approx(large[8:72, 8:72].sum(), rel=1e-5)
    assert (found.inputs["sigma"], found.inputs["psf_fwhm"]) == (pytest.approx(40), 0.7)
    (doubt,) = found.told.doubts
    assert doubt.startswith("the image was resampled from 0.05 to 0.2 arcsec a pixel: its noise is correlated, sigma")
    small = written(tmp_path / "b.fits", IMAGE, PIXSCALE=0.05)
    with pytest.raises(AssayError, match=r"b.fits: covers 0.8 arcsec, and 3.2 are needed"):
        given(small, resample=True)
    same = given(written(tmp_path / "c.fits", IMAGE, PIXSCALE=0.201), resample=True)
    assert np.array_equal(same.inputs["image"], IMAGE)
    assert same.told.doubts == ()


def test_what_nobody_says_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    told = given(tmp_path / "a.npy").told
    assert told.unknown == ("a pixel scale (taken for 0.2 arcsec)", "a unit (taken for counts)")
    assert told.axes is None


def test_what_a_model_cannot_be_asked_names_file_and_next_step(tmp_path: Path) -> None:
    for number, (words, image, known, said) in enumerate(
        (
            ({"BUNIT": "electron/s"}, IMAGE, KNOWN, "is in electron/s, and the model takes counts: give it in counts"),
            ({}, IMAGE, {}, "nothing says its sigma: give --set sigma=…, or SIGMA in the header of a FITS file"),
            ({}, IMAGE[:12], KNOWN, "image has shape 12x16: must be 16x16"),
        )
    ):
        path = written(tmp_path / f"{number}.fits", image, **words)
        with pytest.raises(AssayError) as caught:
            given(path, known=known)
        assert str(caught.value) == f"{path}: {said}"


def test_a_table_says_what_is_told_and_what_is_another_number_on_the_sky(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("turned.fits", "no_frame.npy")]
    axes = given(written(files[0], IMAGE, **dict(header_of(30.0, scale=0.2)))).told.axes
    with answering_server(3) as there, Client(there.url) as client:
        said = replace(client.predict(np.ones((1, 2, 2))), labels={"posterior_correlation": SHAPE})
    shear = {"posterior_g1": 0.2, "posterior_g2": 0.1, "posterior_g1_error": 0.03, "posterior_g2_error": 0.03}
    row = {"id": "a", "in_tested_range": True, "doubts": [], **shear, "posterior_correlation": np.eye(5), "total": 1.0}
    table = AnswerTable(files=files, rows=dict.fromkeys(files, row), said=said)
    table.told = {files[0]: Told(unused=("ERR",), axes=axes), files[1]: Told()}
    table.write(tmp_path / "a.fits", GALAXY, beside=Catalogue({}, {}))
    found = Table.read(tmp_path / "a.fits")
    assert found["posterior_position_angle"].unit == "deg"
    assert found["posterior_position_angle"].mask.tolist() == [False, True]
    assert found["unused_planes"][0] == "ERR"
    header = fits.getheader(tmp_path / "a.fits", 1)
    assert "g1 > 0 is along a row" in str(header["COMMENT"]).replace("\n", "")
    number = found.colnames.index("posterior_position_angle") + 1
    assert header[f"TCOMM{number}"] == "of the long axis, east of north"
