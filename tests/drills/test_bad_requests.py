"""Thousands of requests that nobody should send: each is answered or refused in a line, and the server goes on.

pytest -n0 -m slow tests/drills/test_bad_requests.py           # twenty thousand
"""

import io
import json
import random
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.io import fits
from safetensors.numpy import save

from components.core.workspace import Workspace
from components.packages.files import Package
from components.packages.serving import served
from tests.drills.packages import golden_inputs

ONE = {name: array[:1].numpy() for name, array in golden_inputs().items()}
JSON, NPY, SAFETENSORS, FITS = (f"application/{kind}" for kind in ("json", "x-npy", "x-safetensors", "fits"))
JUNK: list[Any] = [None, True, "", "NaN", "1.5", "\ud800", [], {}, [[]], [[1.0] * 64] * 63]
JUNK += [-1, 0, 1e39, -1e300, 10**400, float("nan"), float("inf")]
Made = tuple[str, bytes, str]
"""Type, body and query of a request."""


def as_json(chance: random.Random) -> Made:
    """An object with something in it that does not belong there."""
    item: dict[str, Any] = {name: array[0].tolist() for name, array in ONE.items()}
    document: dict[str, Any] = {"images": [item]}
    junk = chance.choice(JUNK)
    match chance.randrange(8):
        case 0:
            document[chance.choice(["images", "samples", "image", "\x00", "sigma"])] = junk
        case 1:
            item[chance.choice([*ONE, "seeing", "id"])] = junk
        case 2:
            item["image"] = [row[:] for row in item["image"]]
            item["image"][chance.randrange(64)][chance.randrange(64)] = junk
        case 3:
            del item[chance.choice(list(item))]
        case 4:
            document["images"] = [item] * chance.choice([0, 2, 257])
        case 5:
            return JSON, b"[" * chance.randrange(1, 200_000), ""
        case 6:
            return JSON, json.dumps(junk).encode(errors="surrogatepass"), ""
        case _:
            whole = json.dumps(document).encode()
            return JSON, whole[: chance.randrange(len(whole))] + bytes([chance.randrange(256)]), ""
    return JSON, json.dumps(document).encode(errors="surrogatepass"), ""


def an_image(chance: random.Random) -> np.ndarray[Any, Any]:
    """Of the right number of pixels and the wrong shape, of another kind, or with values that are none."""
    shape = chance.choice(
        [(64, 64), (1, 64, 64), (32, 128), (4096,), (64, 64, 1), (3, 64, 64), (64, 60), (0, 64, 64), ()]
    )
    image = np.zeros(shape, dtype=chance.choice(["f4", "f8", "f2", "i2", "u1", "c8", "?", "S3", "M8[s]"]))
    if image.size and image.dtype.kind == "f":
        image.flat[chance.randrange(image.size)] = chance.choice([np.nan, np.inf, -np.inf, 1e30, 0])
    return image


def as_npy(chance: random.Random) -> Made:
    file = io.BytesIO()
    if chance.random() < 0.1:
        np.save(file, np.array([{}, "x"], dtype=object), allow_pickle=True)
    else:
        np.save(file, an_image(chance))
    return NPY, file.getvalue(), a_query(chance)


def as_safetensors(chance: random.Random) -> Made:
    image = an_image(chance)
    if image.dtype.kind in "cSM" and image.dtype.kind != "c":
        image = np.zeros(3)
    arrays = {**ONE, "image": image, chance.choice(list(ONE)): np.array(chance.choice([0.0, -1.0, np.nan, 1e38]))}
    if chance.random() < 0.2:
        arrays[chance.choice(["seeing", ""])] = image
    try:
        body = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    except KeyError:  # of a kind that safetensors has not
        body = struct.pack("<Q", chance.choice([2, 2**40, 2**63])) + b"{}"
    return SAFETENSORS, body, ""


def as_fits(chance: random.Random) -> Made:
    image = an_image(chance)
    if image.dtype.kind in "cSM?" or not image.ndim or not image.size:
        image = np.zeros((64, 64))
    hdus: list[Any] = [
        fits.PrimaryHDU(),
        fits.ImageHDU(image.astype("f4"), name=chance.choice(["SCI", "ERR", "X", "PSF"])),
    ]
    hdus[1].header["SIGMA"] = chance.choice([200.0, 0, -1, "two", True])
    file = io.BytesIO()
    fits.HDUList(hdus).writeto(file)
    body = file.getvalue()
    if chance.random() < 0.3:
        body = body.replace(b"NAXIS1  =                   64", b"NAXIS1  =           %9d" % chance.randrange(10**9))
    return FITS, body, a_query(chance)


def a_query(chance: random.Random) -> str:
    texts = ["200", "0", "-1", "nan", "inf", "1e400", "x", "", "1,2", ",", "200" * 50, "%00", "1&sigma=2"]
    return f"?sigma={chance.choice(texts)}&psf_fwhm=0.5" + chance.choice(["", "", "&samples=x", "&seeing=1", "&&="])


def damaged(chance: random.Random, made: Made) -> Made:
    """The same with bytes of it changed, cut away, or more of them."""
    kind, body, query = made
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 9)):
        if changed:
            changed[chance.randrange(min(len(changed), 3000))] = chance.randrange(256)
    end = chance.choice([len(changed), chance.randrange(len(changed) + 1)])
    return kind, bytes(changed[:end]) + b"x" * chance.choice([0, 0, 7]), query


MAKERS: list[Callable[[random.Random], Made]] = [as_json, as_npy, as_safetensors, as_fits]


def headers(chance: random.Random, kind: str) -> Mapping[str, str]:
    odd = [
        {"Content-Type": "text/plain"},
        {"Content-Encoding": "gzip"},
        {"Accept": "image/png"},
        {"Origin": "http://e.org"},
    ]
    return {"Content-Type": kind, **(chance.choice(odd) if chance.random() < 0.05 else {})}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_every_bad_request_gets_a_line_and_nobody_else_notices(built: tuple[Workspace, Package], count: int) -> None:
    workspace, package = built
    chance, seen, over = random.Random(count), Counter[int](), threading.Event()
    good, failed = save(ONE), []

    def others(url: str) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not over.wait(0.2):
                answer = client.post(f"{url}/predict", content=good, headers={"Content-Type": SAFETENSORS})
                if answer.status_code != 200:
                    failed.append(answer.text)

    with served(workspace, package) as url, httpx.Client(trust_env=False, timeout=60) as client:
        other = threading.Thread(target=others, args=(url,))
        other.start()
        try:
            for number in range(count):
                made = chance.choice(MAKERS)(chance)
                kind, body, query = damaged(chance, made) if chance.random() < 0.4 else made
                address = f"{url}/predict{query}"
                answer = client.post(address, content=body, headers=dict(headers(chance, kind)))
                seen[answer.status_code] += 1
                said = answer.json()
                if answer.status_code == 200:
                    assert len(said["predictions"]) >= 1
                    continue
                assert 400 <= answer.status_code < 500, (number, answer.text, kind, body[:300], query)
                assert set(said) == {"error"}
                assert len(said["error"].splitlines()) == 1, said
                assert len(said["error"]) < 600, said
        finally:
            over.set()
            other.join()
    assert failed == []
    assert seen[400] > 0.5 * count, seen
    assert {403, 406, 415} <= set(seen), seen
