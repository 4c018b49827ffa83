"""Files as people have them: what they begin with decides, the image is found by name, and what is none is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from components.core.errors import AssayError
from components.fields.pictures import read_stored_image
from components.problems import find_problem
from tests.conftest import HOUSE

Array = np.ndarray[Any, Any]
INPUTS = HOUSE.parent / "shared" / "data" / "inputs"
GALAXY = find_problem("galaxy-shape")
IMAGE = np.random.default_rng(7).normal(100, 200, (64, 64)).astype(np.float32)
LEVELS = np.clip(IMAGE, 0, 255).astype(np.uint8)


def _hdus(path: Path, *planes: tuple[str, Array], first: Array | None = None) -> None:
    units = [fits.ImageHDU(values, name=name) for name, values in planes]
    fits.HDUList([fits.PrimaryHDU(first), *units]).writeto(path)


def _scaled(path: Path) -> None:
    unit = fits.PrimaryHDU(np.round(IMAGE).astype(np.float64))
    unit.scale("int16", bzero=2000, bscale=0.125)
    unit.writeto(path)


def _masked(path: Path) -> None:
    counts = np.round(IMAGE).astype(np.int16)
    counts[3, 4] = -32768
    fits.PrimaryHDU(counts, fits.Header({"BLANK": -32768})).writeto(path)


def _packed(path: Path) -> None:
    fits.PrimaryHDU(IMAGE).writeto(path.with_suffix(".plain"))
    path.write_bytes(gzip.compress(path.with_suffix(".plain").read_bytes()))


def _cut(path: Path) -> None:
    fits.PrimaryHDU(IMAGE).writeto(path.with_suffix(".plain"))
    path.write_bytes(path.with_suffix(".plain").read_bytes()[:9000])


def _pixels(path: Path, values: Array, kind: str = "PNG") -> None:
    Image.fromarray(values).save(path, kind)


def _save(path: Path, values: Array) -> None:
    with path.open("wb") as file:
        np.save(file, values)


ERR, DQ, SKY = np.full_like(IMAGE, 200), np.zeros((64, 64), np.int16), np.full_like(IMAGE, 3)
SAME: dict[str, Callable[[Path], object]] = {
    "plain.fits": lambda path: fits.PrimaryHDU(IMAGE).writeto(path),
    "UPPER.FITS": lambda path: fits.PrimaryHDU(IMAGE).writeto(path),
    "short.fit": lambda path: fits.PrimaryHDU(IMAGE).writeto(path),
    "fits.png": lambda path: fits.PrimaryHDU(IMAGE).writeto(path),
    "array.fits": lambda path: _save(path, IMAGE),
    "no_suffix": lambda path: _save(path, IMAGE),
    "packed.fits.gz": _packed,
    "packed.fits": _packed,
    "big.npy": lambda path: _save(path, IMAGE.astype(">f4")),
    "by_column.npy": lambda path: _save(path, np.asfortranarray(IMAGE)),
    "cube.npy": lambda path: _save(path, IMAGE[None]),
    "scaled.fits": _scaled,
    "uint16.fits": lambda path: fits.PrimaryHDU((np.round(IMAGE) + 900).astype(np.uint16)).writeto(path),
    "compressed.fits.fz": lambda path: fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(np.round(IMAGE).astype(np.int32))]
    ).writeto(path),
    "cube1.fits": lambda path: fits.PrimaryHDU(IMAGE[None]).writeto(path),
    "cube4.fits": lambda path: fits.PrimaryHDU(IMAGE[None, None]).writeto(path),
    "mef.fits": lambda path: _hdus(path, ("SCI", IMAGE), ("ERR", ERR), ("DQ", DQ)),
    "err_first.fits": lambda path: _hdus(path, ("ERR", ERR), ("sci", IMAGE)),
    "psf_first.fits": lambda path: _hdus(path, ("PSF", SKY), ("SCI", IMAGE)),
    "sky_too.fits": lambda path: _hdus(path, ("SKY", SKY), ("SCI", IMAGE)),
    "wht_only.fits": lambda path: _hdus(path, ("WHT", ERR), first=IMAGE),
    "grey16.png": lambda path: _pixels(path, np.round(IMAGE + 900).astype(np.uint16)),
    "floats.tif": lambda path: _pixels(path, IMAGE, "TIFF"),
}  # fmt: skip

REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "two.fits": (
        lambda path: _hdus(path, ("SCI", IMAGE), ("SCI", SKY)),
        "could be the image, of SCI,1, SCI,2: choose one by",
    ),
    "others.fits": (
        lambda path: _hdus(path, ("A", IMAGE), ("B", SKY)),
        "could be the image, of A, B: choose one by",
    ),
    "first.fits": (
        lambda path: _hdus(path, ("B", SKY), first=IMAGE),
        "could be the image, of 0, B: choose one by",
    ),
    "err.fits": (lambda path: _hdus(path, ("ERR", ERR)), "none is called as the image, of ERR: choose one by"),
    "masked.fits": (_masked, r"pixel \[3\]\[4\] is nan, and 1 of its 4096 pixels are no numbers"),
    "inf.npy": (lambda path: _save(path, np.where(IMAGE > 600, np.inf, IMAGE)), "is inf, and"),
    "cube3.fits": (lambda path: fits.PrimaryHDU(np.stack([IMAGE] * 3)).writeto(path), r"has shape \(64, 64, 3\)"),
    "cube5.fits": (lambda path: fits.PrimaryHDU(np.stack([IMAGE] * 5)).writeto(path), r"has shape \(5, 64, 64\)"),
    "table.fits": (
        lambda path: fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(path),
        "no image in it",
    ),
    "cut.fits": (_cut, "may have been truncated"),
    "empty.npy": (lambda path: path.touch(), "it is empty"),
    "empty.fits": (lambda path: path.touch(), "it is empty"),
    "objects.npy": (lambda path: np.save(path, np.array([{}], dtype=object)), "holds objects, which are never unpick"),
    "complex.npy": (lambda path: _save(path, IMAGE.astype(complex)), "of complex128: they must be real"),
    "eight_bits.npy": (lambda path: _save(path, LEVELS), "has levels from 0 to 255"),
    "eight_bits.fits": (lambda path: fits.PrimaryHDU(LEVELS).writeto(path), "has levels from 0 to 255"),
    "archive.npy": (lambda path: np.savez(path.open("wb"), image=IMAGE), "it is an archive, such as .npz"),
    "rgb.png": (lambda path: _pixels(path, np.dstack([LEVELS] * 3)), "which is in colour"),
    "rgba.png": (lambda path: _pixels(path, np.dstack([LEVELS] * 4)), "which is in colour"),
    "jpeg_named.png": (lambda path: _pixels(path, LEVELS, "JPEG"), "has levels from 0 to 255"),
    "text.fits": (lambda path: path.write_text("hello"), "begins like no FITS, .npy, PNG, TIFF or JPEG file"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_image_is_read_whatever_its_file_is_like(tmp_path: Path, name: str) -> None:
    SAME[name](tmp_path / name)
    read = GALAXY.reading.read_image(tmp_path / name)
    offset = 900 if name in ("uint16.fits", "grey16.png") else 0
    whole = name in ("scaled.fits", "compressed.fits.fz") or offset
    np.testing.assert_array_equal(read, np.round(IMAGE) + offset if whole else IMAGE)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_of_counts_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    make, said = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(AssayError, match=said) as caught:
        GALAXY.reading.read_image(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("plane", "value"), [("ERR", 200), ("err", 200), ("SKY,2", 3), ("1", None), ("SCI", None)])
def test_a_plane_is_chosen_by_its_name(tmp_path: Path, plane: str, value: float | None) -> None:
    names = ("ERR", ERR), ("", IMAGE) if plane == "1" else ("SCI", IMAGE), ("SKY", ERR), ("SKY", SKY)
    _hdus(tmp_path / "a.fits", *names)
    stored = read_stored_image(tmp_path / "a.fits", plane)
    np.testing.assert_array_equal(stored.values, IMAGE if value is None else np.full_like(IMAGE, value))
    assert len(stored.beside) == 3
    for wrong in ("SKY", "none"):
        with pytest.raises(AssayError, match=rf"has no one plane {wrong}: its planes are ERR, \w+, SKY,1, SKY,2"):
            read_stored_image(tmp_path / "a.fits", wrong)
    _save(tmp_path / "a.npy", IMAGE)
    with pytest.raises(AssayError, match="has no planes: --plane SCI is for FITS files"):
        read_stored_image(tmp_path / "a.npy", "SCI")


WRAPPED = "scaled_int16.fits"
"""Its integers ran over where it was written: six pixels are others than in the plain file."""
ANSWERED = {
    "galaxy.npy": ("plain.fits", "plain.fits.gz", "comp.fits.fz", "UPPER.FITS", "short.fit", "big_f4.npy", "cube1.fits",
                   "mef.fits", "mef_err_first.fits", WRAPPED),
    "t_base.npy": ("t_base.fits", "t_bscale.fits", "t_err_first.fits", "t_psf_first.fits"),
}  # fmt: skip


@pytest.mark.skipif(not INPUTS.exists(), reason="no folder of inputs beside this one")
def test_a_folder_of_such_files_is_read_and_refused_as_it_should_be() -> None:
    read, refused = {}, {}
    for path in INPUTS.iterdir():
        try:
            read[path.name] = GALAXY.reading.read_image(path)
        except AssayError as error:
            refused[path.name] = str(error)
    assert set(refused) == {
        *("README.md", "nan.fits", "nan.npy", "blank.fits", "inf.npy", "cube3.fits", "table_only.fits", "trunc.fits"),
        *("trunc.npy", "empty.npy", "obj.npy", "complex.npy", "npz_named.npy"),
        *("rgb.png", "rgba.png", "palette.png", "jpeg_named.png"),
    }
    assert all("\n" not in line and len(line) < 300 for line in refused.values())
    for plain, others in ANSWERED.items():
        for name in others:
            far = np.abs(read[name] - read[plain]) > 0.1
            assert far.sum() == (6 if name == WRAPPED else 0), name
    assert {name for name, image in read.items() if image.shape != (64, 64)} == {"s64x60.npy"}
