"""Bodies of arrays: read as what they are, whatever wrote them, and refused in one line where they are not whole."""

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save

from models.estimators.numbers import NumbersEstimator
from models.fields import Field
from services.bodies import FITS, NPY, SAFETENSORS, read_body
from services.limits import Limits
from services.requests import BadRequestError
from tests.code.services.conftest import CONFIG

FIELDS = NumbersEstimator(CONFIG).inputs
CONDITIONS = {"sigma": "200", "psf_fwhm": "0.5"}
WITH_PSF = (Field(name="image", shape=(8, 8)), Field(name="psf", shape=(3, 3)), Field(name="sigma", limits=(0, None)))


def images(count: int, size: int = 64) -> NDArray[Any]:
    return np.random.default_rng(3).normal(0, 200, (count, size, size)).astype(np.float32)


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def fits_file(*hdus: Any) -> bytes:
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def read(kind: str, body: bytes, query: Mapping[str, str] = CONDITIONS, fields: Any = FIELDS) -> Any:
    return read_body(kind, body, list(query.items()), fields, Limits())


def refused(kind: str, body: bytes, query: Mapping[str, str] = CONDITIONS, fields: Any = FIELDS) -> str:
    with pytest.raises(BadRequestError) as caught:
        read(kind, body, query, fields)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">i2", "<u2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_file_is_read_as_the_numbers_that_it_holds(dtype: str, order: Any) -> None:
    stack = np.asarray(np.abs(images(2)).astype(dtype), order=order)
    found = read(NPY, npy(stack)).inputs
    assert found["image"].dtype == np.float32
    assert np.array_equal(found["image"], stack.astype(np.float32))
    assert np.array_equal(read(NPY, npy(stack[0])).inputs["image"], stack[:1].astype(np.float32))


def test_what_is_said_once_holds_for_all_and_a_list_for_each() -> None:
    found = read(NPY, npy(images(3)), {"sigma": "200,210.5,220", "psf_fwhm": "0.5", "samples": "4"})
    assert found.inputs["sigma"].tolist() == [200, 210.5, 220]
    assert found.inputs["psf_fwhm"].tolist() == [0.5] * 3
    assert found.samples == 4


def test_a_safetensors_file_has_its_fields_by_name() -> None:
    body = save({"image": images(2), "sigma": np.array([200.0, 300.0]), "psf_fwhm": np.array([0.5], dtype=np.float32)})
    found = read(SAFETENSORS, body, {}).inputs
    assert np.array_equal(found["image"], images(2))
    assert found["sigma"].tolist() == [200, 300]
    assert found["psf_fwhm"].tolist() == [0.5, 0.5]


def test_a_fits_file_of_an_image_says_what_stands_beside_it_in_its_header() -> None:
    for stored in (fits.PrimaryHDU(images(1)[0]), fits.PrimaryHDU(images(1))):
        stored.header["SIGMA"] = 200
        found = read(FITS, fits_file(stored), {"psf_fwhm": "0.5"}).inputs
        assert np.array_equal(found["image"], images(1))
        assert found["sigma"].tolist() == [200]


def test_the_images_of_several_extensions_are_a_stack_with_a_header_each() -> None:
    primary = fits.PrimaryHDU()
    primary.header["PSF_FWHM"] = 0.6
    hdus = []
    for number, image in enumerate(images(2)):
        hdus += [fits.ImageHDU(image, name="SCI", ver=number + 1), fits.ImageHDU(image * 0 + 7, name="ERR")]
        hdus[-2].header["SIGMA"] = 200.0 + number
    found = read(FITS, fits_file(primary, *hdus), {}).inputs
    assert np.array_equal(found["image"], images(2))
    assert found["sigma"].tolist() == [200, 201]
    assert found["psf_fwhm"].tolist() == [np.float32(0.6)] * 2


def test_an_extension_is_the_field_that_it_is_called_after() -> None:
    psf = fits.ImageHDU(images(1, 3)[0], name="PSF")
    image = fits.CompImageHDU(images(1, 8)[0] * 0 + 5, name="SCI")
    body = fits_file(fits.PrimaryHDU(), psf, image)
    found = read(FITS, body, {"sigma": "1"}, WITH_PSF).inputs
    assert np.array_equal(found["psf"], images(1, 3))
    assert found["image"].tolist() == [[[5.0] * 8] * 8]


def test_the_plane_that_is_meant_is_the_image_and_two_that_could_be_are_refused() -> None:
    science, other = images(2)
    named = [fits.ImageHDU(other, name=name) for name in ("ERR", "PSF", "DQ")]
    for planes in (
        [fits.PrimaryHDU(), *named, fits.ImageHDU(science, name="SCI")],
        [fits.PrimaryHDU(science), *named],
        [fits.PrimaryHDU(), fits.CompImageHDU(science, quantize_level=-1e-3)],
        [fits.PrimaryHDU(science[None, None])],
    ):
        np.testing.assert_allclose(read(FITS, fits_file(*planes)).inputs["image"], [science], atol=1e-3)
    body = fits_file(fits.PrimaryHDU(other), fits.ImageHDU(science, name="SCI"), fits.ImageHDU(other, name="OLD"))
    assert refused(FITS, body).startswith(
        "several planes could be the image, of PRIMARY, SCI, OLD: say which by ?plane="
    )
    assert np.array_equal(read(FITS, body, {**CONDITIONS, "plane": "sci"}).inputs["image"], [science])
    assert np.array_equal(read(FITS, body, {**CONDITIONS, "plane": "OLD"}).inputs["image"], [other])
    assert refused(FITS, body, {**CONDITIONS, "plane": "NEW"}).startswith("?plane=new is not in the body: its planes")
    assert refused(NPY, npy(other), {**CONDITIONS, "plane": "SCI"}) == "?plane= is for FITS files"


def test_a_file_that_gzip_packed_is_named_as_such() -> None:
    body = gzip.compress(fits_file(fits.PrimaryHDU(images(1)[0])))
    assert refused(FITS, body).startswith("the body is packed by gzip: send the FITS file as it is")


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ({"PIXSCALE": 0.05}, "extension SCI has pixels of 0.05 arcsec, and the model was trained on 0.2: resample it"),
        ({"BUNIT": "electron/s"}, "extension SCI is in electron/s, and the model takes counts: give it in counts"),
        ({"PIXSCALE": 0.2, "BUNIT": "adu"}, ""),
        ({}, ""),
    ],
)
def test_pixels_of_another_scale_or_unit_are_refused(header: dict[str, Any], line: str) -> None:
    fields = (Field(name="image", shape=(64, 64), unit="counts", pixel_scale=0.2),)
    body = fits_file(fits.PrimaryHDU(), fits.ImageHDU(images(1)[0], fits.Header(header), name="SCI"))
    if line:
        assert refused(FITS, body, {}, fields).startswith(line)
    else:
        assert np.array_equal(read(FITS, body, {}, fields).inputs["image"], images(1))


@pytest.mark.parametrize("kind", [NPY, FITS])
def test_levels_of_eight_bits_are_no_counts(kind: str) -> None:
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    body = npy(levels) if kind == NPY else fits_file(fits.PrimaryHDU(levels))
    counts, picture = (Field(name="image", shape=(8, 8), unit=unit) for unit in ("counts", ""))
    assert refused(kind, body, {}, (counts,)).startswith("image holds levels of 8 bits, as pictures for the eye have")
    assert np.array_equal(read(kind, body, {}, (picture,)).inputs["image"], [levels])


def test_a_table_has_a_row_for_each_image() -> None:
    columns = [
        fits.Column("IMAGE", "4096E", dim="(64,64)", array=images(3)),
        fits.Column("sigma", "D", array=[200, 201, 202]),
        fits.Column("ra", "D", array=[1, 2, 3]),
    ]
    found = read(FITS, fits_file(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)), {"psf_fwhm": "0.5"}).inputs
    assert np.array_equal(found["image"], images(3))
    assert found["sigma"].tolist() == [200, 201, 202]


def scaled() -> bytes:
    stored = fits.ImageHDU(np.arange(4096, dtype=np.int16).reshape(64, 64), name="SCI")
    stored.header["BSCALE"], stored.header["BZERO"] = 0.5, 100
    return fits_file(fits.PrimaryHDU(), stored)


def test_scaled_integers_are_the_numbers_that_they_stand_for() -> None:
    assert read(FITS, scaled()).inputs["image"][0, 0, :3].tolist() == [100, 100.5, 101]


def promised(shape: str, dtype: str = "<f4") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("image.npy", npy(images(1)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is no .npy file: "),
        (b"\x93NUMPY", "the body is no .npy file: "),
        (archive(), "the body is no .npy file: "),
        (promised("(64, 64)"), "the body promises an array of 64x64 float32 and has 0 bytes of it: send it whole"),
        (promised("(1000000000000, 64, 64)"), "the body promises an array of 1000000000000x64x64"),
        (promised("(" + "4294967296, " * 4 + ")"), "the body promises an array of 4294967296x"),
        (promised("(-1, 64, 64)"), "the body promises an array of -1x64x64"),
        (promised("(-4, -4)") + bytes(64), "the body promises an array of -4x-4 float32: must be an image"),
        (promised("(True, 4, 4)") + bytes(64), "the body promises an array of Truex4x4"),
        (promised("(0, 10**30)"), "the body is no .npy file: "),
        (promised("(0, 1000000000000000000000000000000)"), "the body promises an array of 0x1000"),
        (promised("(" + "1, " * 65 + ")") + bytes(4), "the body promises an array of 1x1x1"),
        (promised("(64, 64)", "|O"), "the body holds object: must be real numbers"),
        (promised("__import__('os').system('true')"), "the body is no .npy file: "),
        (npy(images(1)) + b"more", "the body promises an array of 1x64x64 float32 and has 16388 bytes"),
        (npy(images(1).astype(complex)), "the body holds complex128: must be real numbers"),
        (npy(images(1) > 0), "the body holds bool: must be real numbers"),
        (npy(np.zeros((64, 60))), "image has shape 64x60: must be 64x64, or one such for each image"),
        (npy(np.zeros((1, 3, 64, 64))), "image has shape 1x3x64x64: must be 64x64"),
        (npy(np.zeros((0, 64, 64))), "the body has 0 images: must be 1 to 256"),
        (npy(np.zeros((257, 64, 64))), "the body has 257 images: must be 1 to 256"),
        (npy(np.where(np.arange(4096).reshape(64, 64) == 67, np.nan, 1)), "images[0].image[1][3] is nan: must be a"),
        (npy(np.full((64, 64), 1e300)), "images[0].image[0][0] is 1e+300: must be within ±3.4e+38"),
    ],
)
def test_an_npy_file_that_is_none_or_not_whole_is_refused(body: bytes, line: str) -> None:
    assert refused(NPY, body).startswith(line)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ({"sigma": "200"}, "nothing says psf_fwhm: it must stand beside the images, say as ?psf_fwhm="),
        ({**CONDITIONS, "seeing": "1"}, "?seeing= is unknown: must be sigma, psf_fwhm, samples"),
        ({**CONDITIONS, "sigma": "x"}, "?sigma=x: must be a number, or one for each image"),
        ({**CONDITIONS, "sigma": "0"}, "sigma is 0: must be above 0"),
        ({**CONDITIONS, "sigma": "1,2,0"}, "images[2].sigma is 0: must be above 0"),
        ({**CONDITIONS, "sigma": "nan"}, "sigma is nan: must be a finite number above 0"),
        ({**CONDITIONS, "sigma": "1,2"}, "sigma is said for 2 images, and there are 3"),
        ({**CONDITIONS, "samples": "-1"}, "samples is '-1': must be a whole number from 0 to 4096"),
        ({**CONDITIONS, "samples": "99999"}, "samples is 99999: must be a whole number from 0 to"),
    ],
)
def test_what_stands_beside_images_is_named_where_it_is_wrong(query: dict[str, str], line: str) -> None:
    assert refused(NPY, npy(images(3)), query).startswith(line)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is no safetensors file"),
        (struct.pack("<Q", 2**60) + b"{}", "the body is no safetensors file"),
        (save({"image": images(1), "seeing": images(1)}), "the body has an unknown tensor 'seeing': must be image"),
        (save({"image": images(1), "sigma": np.array([1.0])}), "?sigma= is in the body, too: say it once"),
        (save({"image": images(1) > 0}), "image holds bool: must be real numbers"),
        (save({"image": images(1)})[:-4], "the body is no safetensors file"),
    ],
)
def test_a_safetensors_file_that_is_none_or_not_whole_is_refused(body: bytes, line: str) -> None:
    assert refused(SAFETENSORS, body).startswith(line)


def huge() -> bytes:
    """A header that promises a gigabyte."""
    body = fits_file(fits.PrimaryHDU(images(1)[0]))
    return body.replace(b"NAXIS1  =                   64", b"NAXIS1  =              4000000")


def bombs(count: int) -> bytes:
    """Compressed images of nothing, which are small as long as nobody looks at them."""
    nothing = np.zeros((1024, 1024), dtype=np.int32)
    return fits_file(fits.PrimaryHDU(), *(fits.CompImageHDU(nothing, name="SCI") for _ in range(count)))


def pointing() -> bytes:
    """A table whose rows all point at the same bytes: read as arrays, it is as large as their square."""
    column = fits.Column("sigma", "PE()", array=np.array([np.ones(1000, dtype=np.float32)], dtype=object))
    return fits_file(fits.PrimaryHDU(images(1)[0]), fits.BinTableHDU.from_columns([column]))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is no FITS file that can be read: "),
        (b"SIMPLE  =                    T", "the body is no FITS file that can be read: "),
        (huge(), "the body promises 1024000000 bytes of extension PRIMARY and has 20160: send it whole"),
        (bombs(3), "extension SCI is 1024x1024: too much for one request"),
        (pointing(), "the column sigma has arrays of a length for each row: send one length for all"),
        (fits_file(fits.PrimaryHDU(), fits.ImageHDU(images(1)[0], name="SCI"))[:9000], "the body "),
        (fits_file(fits.PrimaryHDU()), "nothing says image: it must stand beside the images"),
        (fits_file(fits.PrimaryHDU(images(3)[:, None])), "image has shape 3x1x64x64: must be 64x64"),
        (
            fits_file(fits.PrimaryHDU(), fits.ImageHDU(images(1)[0], name="BACKGROUND")),
            "extension BACKGROUND is none of the model's planes: must be SCI, IMAGE",
        ),
        (
            fits_file(fits.PrimaryHDU(images(1)[0]), fits.ImageHDU(images(1)[0][:60])),
            "the body has images of the shapes 64x64, 60x64: must be of one",
        ),
        (
            fits_file(fits.PrimaryHDU(images(1)[0], fits.Header({"SIGMA": "two"}))),
            "SIGMA of the header is 'two'",
        ),
    ],
)
def test_a_fits_file_that_is_none_or_not_whole_is_refused(body: bytes, line: str) -> None:
    assert refused(FITS, body, {"psf_fwhm": "0.5"} if b"two" in body else CONDITIONS).startswith(line)


BODIES = {NPY: npy(images(1)), SAFETENSORS: save({"image": images(1)}), FITS: fits_file(fits.PrimaryHDU(images(1)[0]))}


@pytest.mark.parametrize("kind", BODIES)
@settings(max_examples=150, deadline=None)
@given(
    places=st.dictionaries(st.integers(0, 400), st.integers(0, 255), min_size=1, max_size=20), cut=st.integers(0, 9000)
)
def test_a_damaged_file_is_answered_or_refused_in_one_line(kind: str, places: dict[int, int], cut: int) -> None:
    body = bytearray(BODIES[kind])
    for place, value in places.items():
        body[place] = value
    try:
        found = read(kind, bytes(body[: len(body) - cut])).inputs["image"]
    except BadRequestError as error:
        line = str(error)
    else:
        assert found.shape[1:] == (64, 64)
        assert np.isfinite(found).all()
        return
    assert len(line.splitlines()) == 1
