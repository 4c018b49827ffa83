"""Pictures of users: every kind that is promised, with what it stores, and one line for whatever cannot be read."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from components.fields.pictures import UnreadablePictureError, read_picture, stem_of

Array = np.ndarray[Any, Any]
GREY = (np.arange(12, dtype=np.uint8) * 20).reshape(3, 4)
COLOUR = np.stack([GREY, GREY[::-1], np.full_like(GREY, 7)], axis=2)


def png(array: Array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff", "a.npy", "A.PNG"])
@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
def test_levels_of_eight_bits_are_numbers_from_0_to_1(tmp_path: Path, name: str, picture: Array) -> None:
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, picture)
    else:
        Image.fromarray(picture).save(path)
    read = read_picture(path)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, picture / 255, atol=1e-7)


def test_jpegs_are_read_as_they_are_to_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.fromarray(np.full((8, 16), 128, dtype=np.uint8)).save(path, exif=exif)
    assert read_picture(path).shape == (16, 8)


def test_sixteen_bits_are_numbers_from_0_to_1_as_well(tmp_path: Path) -> None:
    levels = np.array([[0, 65_535], [256, 1000]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_picture(tmp_path / "a.png"), levels / 65_535, atol=1e-7)


def test_alpha_is_left_out(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([COLOUR, np.full_like(GREY, 9)])).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_picture(tmp_path / "a.png"), COLOUR / 255, atol=1e-7)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.fit", "a.fits.fz"])
def test_numbers_of_fits_stay_what_they_are(tmp_path: Path, name: str) -> None:
    numbers = np.random.default_rng(1).normal(100, 50, (16, 16)).round()
    image = (
        fits.CompImageHDU(numbers.astype(np.int32))
        if name.endswith("fz")
        else fits.ImageHDU(numbers.astype(np.float32))
    )
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / name)
    np.testing.assert_array_equal(read_picture(tmp_path / name), numbers.astype(np.float32))


def test_a_fits_cube_of_three_bands_is_in_colour(tmp_path: Path) -> None:
    cube = np.random.default_rng(1).normal(size=(3, 5, 4)).astype(np.float32)
    fits.PrimaryHDU(cube).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.fits"), np.moveaxis(cube, 0, 2))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"hello", "unknown kind of picture '.txt'"),
        ("a.png", b"hello", "cannot be read as a picture"),
        (
            "a.png",
            png(np.random.default_rng(1).integers(0, 255, (64, 64), dtype=np.uint8))[:900],
            "cannot be read as a picture",
        ),
        ("a.png", b"", "cannot be read as a picture"),
        ("a.fits", b"SIMPLE  =                    T", "cannot be read as a picture"),
        ("a.npy", b"\x93NUMPY\x01\x00v", "cannot be read as a picture"),
    ],
)
def test_what_cannot_be_read_is_named_in_a_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadablePictureError, match=said) as caught:
        read_picture(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    for array, said in (
        (np.zeros((2, 3, 4)), r"has shape \(2, 3, 4\)"),
        (np.zeros((0, 3)), r"has shape \(0, 3\)"),
        (np.array([[1.0, np.nan], [np.inf, 0]]), "2 of its 4 values are NaN or infinite"),
        (np.array([["a"]]), "no array of numbers"),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(UnreadablePictureError, match=said):
            read_picture(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadablePictureError, match="cannot be read"):  # nothing is unpickled
        read_picture(tmp_path / "a.npy")


def test_a_name_is_the_same_whatever_kind_of_picture_it_is() -> None:
    names = ["m51.png", "m51.fits.gz", "m51.fits.fz", "m51.JPG", "m51.npy"]
    assert {stem_of(Path(name)) for name in names} == {"m51"}
    assert stem_of(Path("ngc.1300.tiff")) == "ngc.1300"
