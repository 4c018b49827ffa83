"""The examples are what their script draws, and a served model answers them beside what is true of them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from components.core.workspace import Workspace
from examples import draw
from flows.answers import read_truths
from tests.conftest import HOUSE
from tests.drills.commands import assay_here, refused
from tests.drills.houses import NAME

EXAMPLES = HOUSE / "examples"


def test_they_are_drawn_to_the_byte(tmp_path: Path) -> None:
    draw.main(tmp_path)
    drawn = sorted(tmp_path.iterdir())
    assert [file.name for file in drawn] == ["blend.fits", "galaxy.fits", "noise.fits", "truth.csv"]
    assert all(file.read_bytes() == (EXAMPLES / file.name).read_bytes() for file in drawn)


@pytest.mark.house("succeeded")
def test_each_is_answered_beside_its_truth_and_a_file_that_cannot_be_is_named(house: Workspace, tmp_path: Path) -> None:
    files = [str(EXAMPLES / f"{name}.fits") for name in ("galaxy", "blend", "noise")]
    without, small = tmp_path / "without.npy", tmp_path / "small.fits"
    np.save(without, np.zeros((64, 64)))
    fits.writeto(small, np.zeros((8, 8)), fits.Header({"SIGMA": 200.0, "PSF_FWHM": 0.7}))
    done = assay_here(
        house, "predict", NAME, *files, str(without), str(small), "--truth", str(EXAMPLES / "truth.csv"), "--json"
    )
    assert done.returncode == 1, "two of them were not answered"
    said = json.loads(done.stdout)
    assert [one["file"] for one in said["predictions"]] == files
    assert said["predictions"][1]["doubts"], "a neighbour is seen"
    assert f"{without}: nothing says its psf_fwhm: give --set psf_fwhm=…, or PSF_FWHM in the header" in done.stderr
    assert f"{small}: image has shape 8x8: must be 64x64" in done.stderr

    id = said["predictions"][0]["id"]
    traced = assay_here(house, "trace", id)
    assert traced.returncode == 0, traced.stderr
    assert "weights" in traced.stdout
    for made_up in (f"{id[:-1]}{'0' if id[-1] != '0' else '1'}", f"{NAME}.3.deadbeef", id.replace(".3.", ".1.")):
        refused(assay_here(house, "trace", made_up), f"{made_up} was given by no package of {NAME}")


@pytest.mark.house("succeeded")
def test_what_is_quoted_is_shown_with_its_truth_and_the_rest_on_request(house: Workspace, tmp_path: Path) -> None:
    galaxy, truth = str(EXAMPLES / "galaxy.fits"), str(EXAMPLES / "truth.csv")
    shown = assay_here(house, "predict", NAME, galaxy, "--truth", truth).stdout
    assert "galaxy.fits with sigma 220, psf_fwhm 0.7" in shown
    (line,) = [line.split() for line in shown.splitlines() if line.strip().startswith("half_light_radius")]
    assert line[2] == "±"
    assert line[4:] == ["0.35", "arcsec"]
    assert "posterior_flux" not in shown
    shown = assay_here(house, "predict", NAME, galaxy, "--truth", truth, "--all").stdout
    for name in ("posterior_half_light_radius", "likelihood_half_light_radius"):
        (line,) = [line.split() for line in shown.splitlines() if line.strip().startswith(name)]
        assert line[4:] == ["0.35", "arcsec"], name
    shown = assay_here(house, "predict", NAME, galaxy, "--all", "--set", "sigma=230").stdout
    assert "with sigma 230, psf_fwhm 0.7" in shown, "what is typed goes before the header"
    assert "posterior_flux" in shown
    assert "likelihood_flux" in shown
    image = str(tmp_path / "galaxy.npy")
    np.save(image, fits.getdata(galaxy))
    shown = assay_here(house, "predict", NAME, image, "--set", "psf_fwhm=0.7").stdout
    estimated = re.search(r"galaxy.npy with psf_fwhm 0.7, sigma ([\d.]+) counts, estimated from the image", shown)
    assert estimated
    assert float(estimated[1]) == pytest.approx(220, rel=0.06)
    assert "sigma (estimated from the image)" in shown.replace("\n", " ")
    refused(
        assay_here(house, "predict", NAME, galaxy, "--set", "simga=2"), "--set simga: the model takes sigma, psf_fwhm"
    )


def test_what_a_table_of_truths_leaves_empty_is_not_known(tmp_path: Path) -> None:
    table = pd.DataFrame({"file": ["a.fits", "b.fits"], "g1": [0.1, None], "g2": [None, 0.2]})
    table.to_parquet(tmp_path / "truth.parquet")
    table.to_csv(tmp_path / "truth.csv", index=False)
    for name in ("truth.parquet", "truth.csv"):
        known = read_truths(tmp_path / name, [Path("a.fits"), Path("here/b.fits"), Path("c.fits")])
        assert known == {Path("a.fits"): {"g1": 0.1}, Path("here/b.fits"): {"g2": 0.2}}


def test_tables_of_truths_that_say_nothing_are_refused(house: Workspace, tmp_path: Path) -> None:
    galaxy = shutil.copy(EXAMPLES / "galaxy.fits", tmp_path)
    for text, said in (
        ("name,flux\ngalaxy.fits,1", "has no column 'file'"),
        ("file,flux\nother.fits,1", "names none of the files, galaxy.fits for one"),
        ("file,flux\ngalaxy.fits,bright", "row galaxy.fits: could not convert"),
    ):
        (tmp_path / "truth.csv").write_text(text, encoding="utf-8")
        refused(assay_here(house, "predict", NAME, str(galaxy), "--truth", str(tmp_path / "truth.csv")), said)
    refused(assay_here(house, "predict", NAME, str(galaxy), "--truth", "no.csv"), "no.csv: there is no such file")
