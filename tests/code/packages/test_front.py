"""The address that stays: what is asked reaches the server of now, as it was sent, and its answer comes back whole."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from components.core.errors import AssayError
from components.core.processes import check_port_is_free, free_port
from components.core.settings import ServeSettings
from components.packages import front as fronts
from components.packages.front import Front, check_address, opened

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
        told = {key: request.headers.get(key) for key in ("authorization", "host")}
        return JSONResponse(said | {"query": request.url.query, "told": told}, headers={"X-Own": name})

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
def front(tmp_path: Path) -> Iterator[Front]:
    with opened(free_port(), ServeSettings(), log=tmp_path / "requests.log") as front:
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
        assert answer.json() == said | {"told": {"authorization": None, "host": url[7:]}}
        assert answer.headers["X-Own"] == "one"
        assert len(answer.headers.get_list("date")) == 1
        assert client.get("/a%2Fb%20c").json()["path"] == "/a%2Fb%20c"
        head = client.head("/model")
        assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "target", ["%2F@{there}/x", "%2f%2f{there}/x", "//{there}/x", "http://{there}/x", "@{there}/x"]
)
def test_no_path_leads_to_another_server(front: Front, target: str) -> None:
    with server("one") as url, server("elsewhere") as there:
        front.send_to(url)
        asked = f"GET {target.format(there=there[7:])} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2])), timeout=30) as connection:
            connection.sendall(asked.encode())
            answer = connection.makefile("rb").read()
    assert b'elsewhere"' not in answer, "it was reached"
    assert int(answer.split()[1]) in (200, 400, 404)


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


def test_an_address_that_cannot_be_listened_on_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for host, said in (("127.0.0.1", f"port {port} is in use"), ("localhost", f"port {port} is in use")):
            with (
                pytest.raises(AssayError, match=said),
                opened(port, ServeSettings(), log=tmp_path / "log", host=host),
            ):
                pass
    with pytest.raises(AssayError, match=r"--host 127\.0\.0\.1\.5 cannot be listened on .*: name an address"):
        check_port_is_free(free_port(), "127.0.0.1.5")


def test_an_address_of_other_machines_is_listened_on_with_tokens_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssayError, match=r"--host 0\.0\.0\.0 .* nobody has a token: set ASSAY_TOKENS"):
        check_address(free_port(), "0.0.0.0")
    monkeypatch.setenv("ASSAY_TOKENS", "anna:short")
    with pytest.raises(AssayError, match="entry 1 is not NAME:TOKEN"):
        check_address(free_port(), "0.0.0.0")
    monkeypatch.setenv("ASSAY_TOKENS", f"anna:{'a' * 32} nightly:{'b' * 32}")
    everywhere = opened(free_port(), ServeSettings(), log=tmp_path / "requests.log", host="0.0.0.0")
    with server("one") as url, everywhere as front, asking(front) as client:
        front.send_to(url)
        assert client.get("/model").status_code == 401
        assert client.get("/livez").status_code == 200
        answer = client.get("/model", headers={"Authorization": f"Bearer {'b' * 32}"})
        assert (answer.status_code, answer.json()["told"]) == (200, {"authorization": None, "host": url[7:]})
    log = (tmp_path / "requests.log").read_text()
    assert [line.split()[2:6] for line in log.splitlines()] == [
        ["-", "GET", "/model", "401"],
        ["nightly", "GET", "/model", "200"],
    ]
    assert "b" * 32 not in log
