"""Thousands of cutouts with a catalogue become one table: everything is carried through, and nothing is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from components.core.errors import AssayError
from components.core.workspace import Workspace
from components.fields.pictures import read_values
from flows.asked_files import carried, files_among, read_catalogue
from tests.conftest import HOUSE
from tests.drills.commands import assay_here, refused
from tests.drills.houses import NAME

GALAXY = fits.getdata(HOUSE / "examples" / "galaxy.fits").astype(np.float32)
COUNT = 70
"""More than a batch."""


def cutouts(folder: Path) -> Path:
    """So many files and two that cannot be answered; a catalogue of them with names, places and what a model asks."""
    folder.mkdir()
    rows = []
    for number in range(COUNT):
        name = f"cutout-{number:03d}.fits"
        fits.writeto(folder / name, GALAXY + np.float32(number))
        row = {
            "file": name,
            "ra": 150 + number / 1000,
            "dec": 2.0,
            "name": f"G{number}",
            "sigma": 220.0,
            "psf_fwhm": 0.7,
        }
        rows.append(row)
    (folder / "cutout-005.fits").write_bytes(b"no FITS file")
    fits.writeto(folder / "cutout-066.fits", np.full((64, 64), np.nan, dtype=np.float32), overwrite=True)
    rows[7]["sigma"] = -1.0
    catalogue = folder.parent / "catalogue.fits"
    table = Table(rows=rows)
    table["ra"].unit = table["dec"].unit = "deg"
    table.write(catalogue)
    return catalogue


@pytest.mark.house("succeeded")
def test_every_file_has_a_row_with_its_answer_or_the_reason(house: Workspace, tmp_path: Path) -> None:
    catalogue = cutouts(tmp_path / "cutouts")
    beside = ("--catalogue", str(catalogue))
    done = assay_here(
        house, "predict", NAME, str(tmp_path / "cutouts"), *beside, "--out", str(tmp_path / "answers.fits")
    )
    assert done.returncode == 1, "three of them were not answered"
    assert f"{COUNT - 3} of {COUNT} images are answered by version 3" in done.stdout.replace("\n", " ")
    table = Table.read(tmp_path / "answers.fits")
    assert [Path(file).name for file in table["file"]] == [f"cutout-{number:03d}.fits" for number in range(COUNT)]
    assert table["name"].tolist() == [f"G{number}" for number in range(COUNT)]
    assert np.allclose(table["ra"], 150 + np.arange(COUNT) / 1000)
    assert (table["ra"].unit, table["sigma"].unit) == ("deg", None)
    assert str(table["posterior_flux"].unit) == "100000 ct"
    assert str(table["posterior_half_light_radius"].unit) == "arcsec"
    wrong = [5, 7, 66]
    assert [number for number in range(COUNT) if table["refused"][number]] == wrong
    assert "cannot be read" in table["refused"][5] or "no image" in table["refused"][5]
    assert "sigma is -1: must be above" in table["refused"][7]
    assert all(line in done.stderr for line in ("cutout-005.fits", "cutout-007.fits", "cutout-066.fits"))
    answered = np.array([number not in wrong for number in range(COUNT)])
    assert np.isfinite(table["posterior_flux"][answered]).all()
    assert table["posterior_flux"].mask[~answered].all(), "as FITS says that nothing is known"
    assert all(identity.startswith(f"{NAME}.3.") for identity in table["id"][answered])

    few = [str(tmp_path / "cutouts" / f"cutout-00{number}.fits") for number in (1, 2)]
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"answers.{suffix}"
        done = assay_here(house, "predict", NAME, *few, *beside, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert (
            "has no posterior_correlation, likelihood_correlation, maps of each image" in done.stderr.replace("\n", " ")
        ) == (suffix == "csv")
        frame = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
        assert np.allclose(frame["posterior_flux"], table["posterior_flux"][1:3], rtol=1e-3)
        assert frame["name"].tolist() == ["G1", "G2"]
    assert pd.read_csv(tmp_path / "answers.csv")["posterior_flux_interval68_low"].notna().all()


@pytest.mark.house("succeeded")
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(house: Workspace, tmp_path: Path) -> None:
    galaxy = str(HOUSE / "examples" / "galaxy.fits")
    (tmp_path / "twice.csv").write_text("file,sigma\ngalaxy.fits,1\ngalaxy.fits,2\n")
    (tmp_path / "set.csv").write_text("file,sigma\ngalaxy.fits,220\n")
    for more, said in (
        (("--out", "answers.txt"), "unknown kind of table '.txt': must be one of .fits, .parquet, .csv"),
        (("--out", "no/answers.fits"), "there is no folder no"),
        (("--catalogue", str(tmp_path / "twice.csv")), "names galaxy.fits twice"),
        (("--catalogue", "none.csv"), "none.csv: there is no such file"),
        (
            ("--catalogue", str(tmp_path / "set.csv"), "--set", "sigma=200"),
            "--set and the catalogue both say its sigma: leave one out",
        ),
    ):
        refused(assay_here(house, "predict", NAME, galaxy, *more), said)
    both = assay_here(house, "predict", NAME, galaxy, "--out", str(tmp_path / "a.fits"), "--json")
    assert both.returncode == 2
    assert not (tmp_path / "a.fits").exists()


def test_a_folder_and_a_pattern_stand_for_their_images(tmp_path: Path) -> None:
    for name in ("b.fits", "a.npy", "c.FITS.gz", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in files_among([tmp_path])] == ["a.npy", "b.fits", "c.FITS.gz"]
    assert [path.name for path in files_among([tmp_path / "*.fits", tmp_path / "x.npy"])] == ["b.fits", "x.npy"]
    with pytest.raises(AssayError, match="matches no file"):
        files_among([tmp_path / "*.png"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssayError, match="has no image: they end in"):
        files_among([tmp_path / "empty"])


def test_a_folder_that_is_not_there_is_no_kind_of_picture() -> None:
    with pytest.raises(AssayError, match="exampels: there is no such file or folder"):
        read_values(Path("exampels"))


def test_a_row_is_found_by_the_path_or_by_the_name(tmp_path: Path) -> None:
    (tmp_path / "catalogue.csv").write_text("file,ra\nhere/a.fits,1\nb.fits,2\n")
    files = [Path("here/a.fits"), Path("there/b.fits"), Path("there/a.fits"), Path("c.fits")]
    known = read_catalogue(tmp_path / "catalogue.csv", files)
    assert {str(file): row["ra"] for file, row in known.items()} == {"here/a.fits": "1", "there/b.fits": "2"}
    with pytest.raises(AssayError, match=r"names b.fits, and 2 files are called so: name whole paths"):
        read_catalogue(tmp_path / "catalogue.csv", [Path("here/b.fits"), Path("there/b.fits")])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "-2", "30"], [1, -2, 30]),
        (["1", "", "2.5"], [1.0, np.nan, 2.5]),
        (["007", "8", "9"], ["007", "8", "9"]),
        (["NGC 1", "2", ""], ["NGC 1", "2", ""]),
        ([1.5, 2, np.float32(3)], [1.5, 2, 3.0]),
        (["", "", ""], ["", "", ""]),
    ],
)
def test_a_column_is_carried_as_what_it_is(cells: list[Any], values: list[Any]) -> None:
    files = [Path(f"{number}.fits") for number in range(3)]
    known = {file: {"column": cell} for file, cell in zip(files, cells, strict=True)}
    found = carried(known, files, "column")
    assert np.array_equal(found, values) if isinstance(values[0], str) else np.allclose(found, values, equal_nan=True)
    assert [type(one) for one in found] == [type(one) for one in values] or not isinstance(cells[0], str)
    without = carried({file: known[file] for file in files[:2]}, files, "column")[2]
    assert without == "" or np.isnan(without)
