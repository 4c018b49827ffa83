"""Requests that are not read: too long, of another type, or sent by somebody else's page."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services.admission import Admission
from services.limits import Limits

MOST = 2**20
CHUNK = MOST // 16
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def read() -> list[int]:
    """Length of each body that was read."""
    return []


@pytest.fixture
def client(read: list[int]) -> Iterator[TestClient]:
    async def answer(request: Request) -> PlainTextResponse:
        read.append(len(await request.body()))
        return PlainTextResponse("read")

    app = Starlette(routes=[Route("/predict", answer, methods=["GET", "POST"])])
    kinds = {"/predict": ("application/json", "application/x-npy")}
    app.add_middleware(Admission, kinds=kinds, limits=lambda: Limits(body_mib=1))
    with TestClient(app, base_url="http://127.0.0.1:3000") as client:
        yield client


def chunks(count: int) -> Iterator[bytes]:
    """A body whose length no header tells."""
    for _ in range(count):
        yield b" " * CHUNK


@pytest.mark.parametrize("body", [b"", b"{" + b" " * (MOST - 2) + b"}", "chunks"])
def test_a_body_of_bounded_size_is_read_whole(client: TestClient, read: list[int], body: bytes | str) -> None:
    content = chunks(16) if isinstance(body, str) else body
    assert client.post("/predict", content=content, headers=JSON).text == "read"
    assert read == [MOST if isinstance(body, str) else len(body)]


@pytest.mark.parametrize("body", [b" " * (MOST + 1), "chunks"])
def test_a_body_that_is_too_long_is_never_held(client: TestClient, read: list[int], body: bytes | str) -> None:
    answer = client.post("/predict", content=chunks(17) if isinstance(body, str) else body, headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["error"].endswith(f"{MOST} bytes: send fewer images at once")
    assert read == []


def test_an_address_with_a_slash_at_its_end_is_the_same(client: TestClient, read: list[int]) -> None:
    answer = client.post("/predict/", content=b"\x93NUMPY", headers={"Content-Type": "application/x-npy"})
    assert (answer.text, read) == ("read", [6])


def test_a_form_is_told_what_to_send_instead(client: TestClient, read: list[int]) -> None:
    answer = client.post("/predict", files={"image": ("cutout.fits", b"SIMPLE  =")})
    assert (answer.status_code, read) == (415, [])
    assert answer.json()["error"].endswith("; send the file itself, as curl --data-binary @FILE does")


def test_what_is_packed_is_refused_by_what_says_so(client: TestClient, read: list[int]) -> None:
    answer = client.post("/predict", content=b"\x1f\x8b", headers={**JSON, "Content-Encoding": "gzip"})
    assert (answer.status_code, read) == (415, [])
    assert answer.json()["error"] == "Content-Encoding is gzip: send the body as it is"


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
        ({"Content-Type": "application/x-npy"}, 200),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({**JSON, "Content-Encoding": "gzip"}, 415),
        ({**JSON, "Content-Encoding": "identity"}, 200),
        ({**JSON, "Origin": "http://127.0.0.1:3000"}, 200),
        ({**JSON, "Origin": "http://127.0.0.1:8080"}, 403),
        ({**JSON, "Origin": "https://example.org"}, 403),
        ({**JSON, "Origin": "null"}, 403),
        ({**JSON, "Origin": "http://["}, 403),
    ],
)
def test_only_known_types_and_only_by_pages_of_this_server(
    client: TestClient, read: list[int], headers: Mapping[str, str], status: int
) -> None:
    answer = client.post("/predict", content=b"{}", headers=dict(headers))
    assert answer.status_code == status
    assert read == ([2] if status == 200 else [])
    assert status == 200 or len(answer.json()["error"].splitlines()) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_needs_no_body_may_have_none(client: TestClient, method: str) -> None:
    assert client.request(method, "/predict", content=b"x" * 9).status_code == 413
    assert client.request(method, "/predict", content=chunks(2)).status_code == 413


def test_a_type_that_is_said_twice_is_refused(client: TestClient, read: list[int]) -> None:
    twice = [("Content-Type", "text/plain"), ("Content-Type", "application/json")]
    assert client.post("/predict", content=b"{}", headers=twice).status_code == 415
    assert read == []


def test_what_has_no_body_is_let_through(client: TestClient) -> None:
    assert client.get("/predict", headers={"Origin": "https://example.org"}).text == "read"
    assert client.post("/predict").text == "read"


def test_a_body_that_does_not_come_is_not_waited_for(read: list[int]) -> None:
    async def answer(request: Request) -> PlainTextResponse:
        read.append(len(await request.body()))
        return PlainTextResponse("read")

    async def never() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError("it was waited for")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = Starlette(routes=[Route("/predict", answer, methods=["POST"])])
    app.add_middleware(Admission, kinds={}, limits=lambda: Limits(body_s=0.05))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
    asyncio.run(app(scope, never, send))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"] == "the body has not come in 0.05 s: send it at once"
    assert read == []


def test_bodies_of_many_requests_have_bounded_room_together_which_is_free_again() -> None:
    """Nine senders of a body of the greatest size, none of whom ends: the ninth is told to come back."""
    full, sent = b" " * MOST, []

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async def ask(end: asyncio.Event) -> None:
        async def receive() -> dict[str, object]:
            if not waits:
                await end.wait()
                return {"type": "http.request", "body": b"", "more_body": False}
            return {"type": "http.request", "body": waits.pop(), "more_body": True}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent.append((message["status"], dict(message["headers"]).get(b"retry-after")))

        waits = [full]
        await app(dict(scope), receive, send)

    async def ask_all() -> None:
        end = asyncio.Event()
        tasks = [asyncio.create_task(ask(end)) for _ in range(8)]
        await asyncio.sleep(0)
        await ask(end)
        assert sent == [(429, b"1")]
        end.set()
        await asyncio.gather(*tasks)
        await ask(end)

    app = Starlette(routes=[Route("/predict", answer, methods=["POST"])])
    app.add_middleware(Admission, kinds={}, limits=lambda: Limits(body_mib=1))
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
    asyncio.run(ask_all())
    assert sent[1:] == [(200, None)] * 9
