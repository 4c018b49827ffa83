"""The client: arrays in, arrays out, in as many requests as it takes, of one version; it imports nothing of Assay."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.client import Client, ClientError, RefusedError
from components.core import HOUSE
from tests.toys.answering_server import AnsweringServer, Said, answering_server


def images(count: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
    return np.arange(4.0 * count).reshape(count, 2, 2).astype(dtype)


def order(there: AnsweringServer) -> list[dict[str, np.ndarray[Any, Any]]]:
    """What it was asked, by the first pixel: requests overtake each other."""
    return sorted(there.asked, key=lambda asked: float(asked["image"].flat[0]))


def test_answers_come_back_as_numbers_with_what_is_said_of_them() -> None:
    dark = images(3) * np.array([1, -1, 1], dtype=np.float32)[:, None, None]
    with answering_server(3) as there, Client(there.url + "/") as client:
        said = client.predict(dark, sigma=2.0)
    assert np.array_equal(said["total"], dark.sum((1, 2)))
    assert said["total"].dtype == np.float32
    assert (said.model["version"], said.units, said.ids) == (3, {"total": "counts"}, ["id"] * 3)
    assert said.trusted.tolist() == [True, False, True]
    assert said.doubts == [[], ["dark"], []]
    assert not said.estimated


def test_what_the_model_took_from_the_images_is_said() -> None:
    with answering_server(3) as there, Client(there.url) as client:
        said = client.predict(images(70))
    assert np.allclose(said.estimated["sigma"], images(70).std((1, 2)))
    assert said.units["sigma"] == "counts"


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">i2", "uint16", "int64", "longdouble", "float16"])
def test_numbers_of_any_type_and_order_of_bytes_arrive(dtype: str) -> None:
    with answering_server(3) as there, Client(there.url) as client:
        assert client.predict(images(2, dtype))["total"].tolist() == [6, 22]


def test_many_images_are_several_requests_and_what_holds_of_each_goes_with_it() -> None:
    with answering_server(3) as there, Client(there.url) as client:
        said = client.predict(images(150), sigma=np.arange(150.0))
    assert np.array_equal(said["total"], images(150).sum((1, 2)))
    assert [len(asked["sigma"]) for asked in order(there)] == [64, 64, 22]
    assert np.concatenate([asked["sigma"] for asked in order(there)]).tolist() == list(range(150))
    with answering_server(3) as there, Client(there.url) as client:
        client.predict(images(150), sigma=2)
    assert [asked["sigma"].shape for asked in order(there)] == [()] * 3


@given(count=st.integers(1, 5), alone=st.booleans())
def test_one_image_is_a_stack_of_one(count: int, alone: bool) -> None:
    with answering_server(3) as there, Client(there.url) as client:
        said = client.predict(images(1)[0] if alone else images(count))
    assert said["total"].shape == (1 if alone else count,)


def test_a_server_that_is_busy_is_asked_again() -> None:
    busy = (429, b'{"error": "wait"}')
    with answering_server(busy, busy, 3) as there, Client(there.url) as client:
        assert client.predict(images(1)).model["version"] == 3


@pytest.mark.parametrize(
    ("said", "kind", "line"),
    [
        ((400, b'{"error": "images[0].image is bad"}'), RefusedError, r"answered 400: images\[0\].image is bad"),
        ((413, b'{"error": "too long"}'), RefusedError, "answered 413: too long"),
        ((401, b'{"error": "it has no token"}'), ClientError, "answered 401: it has no token"),
        ((503, b'{"error": "no server answers"}'), ClientError, "answered 503: no server answers"),
        ((500, b"Internal Server Error"), ClientError, "answered 500: no line of Assay's"),
        ((200, b"nothing of use"), ClientError, "no answer that can be read"),
    ],
)
def test_only_what_is_wrong_with_the_images_is_a_refusal_of_them(said: Said, kind: type, line: str) -> None:
    with answering_server(said) as there, Client(there.url) as client, pytest.raises(ClientError, match=line) as caught:
        client.predict(images(1))
    assert type(caught.value) is kind


def test_a_refused_image_is_named_by_its_place_in_the_whole_stack() -> None:
    refusal = (400, b'{"error": "images[5].image[0][0] is nan"}')
    with (
        answering_server(3, refusal) as there,
        Client(there.url) as client,
        pytest.raises(RefusedError, match=r"images\[(5|69)\]\.image\[0\]\[0\] is nan") as caught,
    ):
        client.predict(images(128))
    second = 64 * 4.0 in [float(asked["image"].flat[0]) for asked in there.asked[1:]]
    assert f"images[{69 if second else 5}]" in str(caught.value)


def test_an_answer_of_two_versions_is_none() -> None:
    with (
        answering_server(3, 4) as there,
        Client(there.url) as client,
        pytest.raises(ClientError, match=r"changed from version \d to \d midway: ask again"),
    ):
        client.predict(images(65))


@pytest.mark.parametrize(
    ("image", "beside", "line"),
    [
        ([["a", "b"]], {}, "image holds <U1: must be real numbers"),
        (images(2) * 1j, {}, "image holds complex"),
        (images(2), {"sigmas": 1}, "takes no sigmas: it takes image, sigma"),
        (images(2), {"sigma": [1.0, 2.0, 3.0]}, "sigma is said for 3 images, and there are 2"),
        (images(2), {"sigma": None}, "sigma holds object"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(image: Any, beside: dict[str, Any], line: str) -> None:
    with answering_server(3) as there, Client(there.url) as client, pytest.raises(TypeError, match=line):
        client.predict(image, **beside)
    assert there.asked == []


def test_nobody_there_is_a_line() -> None:
    for url in ("http://127.0.0.1:9", "127.0.0.1:3000", "http://[", "ftp://127.0.0.1"):
        with Client(url) as client, pytest.raises(ClientError, match=r"gave no answer .*: is it served"):
            client.predict(images(1))


def test_the_token_is_sent_as_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering_server(3) as there:
        monkeypatch.setenv("ASSAY_TOKEN", "of the variable")
        for token in (None, "of mine"):
            with Client(there.url, token=token) as client:
                client.predict(images(1))
        assert [one["Authorization"] for one in there.headers] == ["Bearer of the variable", "Bearer of mine"]
        monkeypatch.delenv("ASSAY_TOKEN")
        with Client(there.url) as client:
            client.predict(images(1))
        assert "Authorization" not in there.headers[-1]


def test_it_imports_nothing_of_assay_and_three_libraries() -> None:
    script = (
        "import sys, numpy, httpx, safetensors.numpy;"
        "known = {*sys.stdlib_module_names}; before = {*sys.modules}; import assay.client;"
        "print(*({name.partition('.')[0] for name in {*sys.modules} - before} - known))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["assay"]
