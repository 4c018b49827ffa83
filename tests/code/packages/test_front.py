"""The address that stays: what is asked reaches the server of now, as it was sent, and its answer comes back whole."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.core.errors import AssayError
from components.core.processes import free_port
from components.core.settings import ServeSettings
from components.packages import front as fronts
from components.packages.front import Front, opened

JSON = {"Content-Type": "application/json"}


@contextmanager
def server(name: str, *, slow_s: float = 0.0) -> Iterator[str]:
    """A server that says what it was sent."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        await asyncio.sleep(slow_s)
        said = {
            "server": name,
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "length": len(body),
        }
        return JSONResponse(said | {"query": request.url.query}, headers={"X-Own": name})

    port = free_port()
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "HEAD", "POST"])])
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture
def front() -> Iterator[Front]:
    with opened(free_port(), ServeSettings()) as front:
        yield front


@contextmanager
def asking(front: Front) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=front.url, trust_env=False, timeout=30) as client:
        yield client


def test_a_request_arrives_as_it_was_sent_and_so_does_its_answer(front: Front) -> None:
    with server("one") as url, asking(front) as client:
        front.send_to(url)
        answer = client.post("/predict?sigma=1&psf_fwhm=0.5", content=b"{}" * 100_000, headers=JSON)
        said = {
            "server": "one",
            "method": "POST",
            "path": "/predict",
            "length": 200_000,
            "query": "sigma=1&psf_fwhm=0.5",
        }
        assert answer.json() == said
        assert answer.headers["X-Own"] == "one"
        assert client.get("/a%2Fb%20c").json()["path"] == "/a%2Fb%20c"
        head = client.head("/model")
        assert (head.status_code, head.content) == (200, b"")


def test_from_one_request_to_the_next_another_server_answers_and_the_one_before_ends_what_it_has(front: Front) -> None:
    with (
        server("one", slow_s=0.5) as first,
        server("two") as second,
        asking(front) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        front.send_to(first)
        under_way = pool.submit(client.post, "/predict", content=b"{}", headers=JSON)
        time.sleep(0.2)
        front.send_to(second)
        assert client.get("/model").json()["server"] == "two"
        assert not front.wait_until_left(first, timeout_s=0)
        assert front.wait_until_left(first, timeout_s=10)
        assert under_way.result().json()["server"] == "one"


def test_what_is_said_of_a_package_that_is_held_back_stands_beside_the_model(front: Front) -> None:
    with server("one") as url, asking(front) as client:
        front.send_to(url)
        front.said["not_followed"] = {"version": 3, "reason": "it answers otherwise"}
        assert client.get("/model").json()["not_followed"]["version"] == 3
        assert "not_followed" not in client.get("/readyz").json()
        assert client.head("/model").status_code == 200


def test_a_request_waits_for_a_server_that_is_away_and_is_asked_once_more_when_it_broke_off(front: Front) -> None:
    with socket.create_server(("127.0.0.1", 0)) as breaking, asking(front) as client, ThreadPoolExecutor(1) as pool:
        front.send_to(f"http://127.0.0.1:{breaking.getsockname()[1]}")
        asked = pool.submit(client.post, "/predict", content=b"{}", headers=JSON)
        connection, _ = breaking.accept()
        connection.recv(100)
        connection.close()
        breaking.close()
        time.sleep(0.3)
        with server("two") as url:
            front.send_to(url)
            assert asked.result().json()["server"] == "two"


def test_nobody_behind_it_is_said_after_a_while(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "_BACK_S", 0.3)
    front.send_to(f"http://127.0.0.1:{free_port()}")
    with asking(front) as client:
        answer = client.post("/predict", content=b"{}", headers=JSON)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["error"] == "no server answers behind this address: ask again"


def test_what_a_service_does_not_read_does_not_reach_it(front: Front) -> None:
    with server("one") as url, asking(front) as client:
        front.send_to(url)
        assert client.post("/predict", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
        assert client.request("GET", "/model", content=b"x" * 100).status_code == 413
        assert client.get("/%00").status_code in (200, 400, 404)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AssayError, match=f"port {port} cannot be listened on"), opened(port, ServeSettings()):
            pass
