"""Requests that are not read: too long, of another type, or sent by somebody else's page."""

from collections.abc import Iterator, Mapping

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services import admission
from services.admission import Admission

MOST = 1000
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def read() -> list[int]:
    """Length of each body that was read."""
    return []


@pytest.fixture
def client(read: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    async def answer(request: Request) -> PlainTextResponse:
        read.append(len(await request.body()))
        return PlainTextResponse("read")

    monkeypatch.setattr(admission, "MOST_BYTES", MOST)
    app = Starlette(routes=[Route("/predict", answer, methods=["GET", "POST"])])
    app.add_middleware(Admission, keys={"/predict": ("images",)})
    with TestClient(app, base_url="http://127.0.0.1:3000") as client:
        yield client


def chunks(count: int) -> Iterator[bytes]:
    """A body whose length no header tells."""
    yield b"{" + b" " * 99
    for _ in range(count - 2):
        yield b" " * 100
    yield b" " * 99 + b"}"


@pytest.mark.parametrize("body", [b"", b"{" + b" " * (MOST - 2) + b"}", "chunks"])
def test_json_of_bounded_size_is_read_whole(client: TestClient, read: list[int], body: bytes | str) -> None:
    content = chunks(10) if isinstance(body, str) else body
    assert client.post("/predict", content=content, headers=JSON).text == "read"
    assert read == [MOST if isinstance(body, str) else len(body)]


@pytest.mark.parametrize("body", [b" " * (MOST + 1), "chunks"])
def test_a_body_that_is_too_long_is_never_held(client: TestClient, read: list[int], body: bytes | str) -> None:
    answer = client.post("/predict", content=chunks(11) if isinstance(body, str) else body, headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["error"].endswith("1000 bytes: send fewer images at once")
    assert read == []


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999", "x"])
def test_a_length_that_cannot_be_is_refused(client: TestClient, read: list[int], length: str) -> None:
    answer = client.post("/predict", content=b"{}", headers={**JSON, "Content-Length": length})
    assert answer.status_code == 413
    assert read == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data"}, 415),
        ({"Content-Type": "text/plain; application/json"}, 415),
        ({}, 415),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 200),
        ({**JSON, "Origin": "http://127.0.0.1:3000"}, 200),
        ({**JSON, "Origin": "http://127.0.0.1:8080"}, 403),
        ({**JSON, "Origin": "https://example.org"}, 403),
        ({**JSON, "Origin": "null"}, 403),
    ],
)
def test_only_json_and_only_by_pages_of_this_server(
    client: TestClient, read: list[int], headers: Mapping[str, str], status: int
) -> None:
    answer = client.post("/predict", content=b"{}", headers=dict(headers))
    assert answer.status_code == status
    assert read == ([2] if status == 200 else [])
    assert status == 200 or len(answer.json()["error"].splitlines()) == 1


def test_what_has_no_body_is_let_through(client: TestClient) -> None:
    assert client.get("/predict", headers={"Origin": "https://example.org"}).text == "read"
    assert client.post("/predict").text == "read"


@pytest.mark.parametrize("path", ["/predict", "/elsewhere"])
def test_only_the_keys_of_a_path_are_taken(client: TestClient, read: list[int], path: str) -> None:
    answer = client.post(path, json={"images": [], "image": []})
    assert answer.status_code == 400
    assert "unknown key 'image" in answer.json()["error"]
    assert client.post("/predict", json={"images": []}).text == "read"
    assert len(read) == 1
