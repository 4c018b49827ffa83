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


@contextmanager
def saying(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says the same to every request, and keeps what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)


def test_where_an_answer_leads_is_for_whoever_asked_to_follow(front: Front) -> None:
    with server("elsewhere") as there, asking(front) as client:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {there}/inner\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        front.said["not_followed"] = {"version": 3}
        with saying(moved.encode()) as (url, asked):
            front.send_to(url)
            for path in ("/predict", "/model"):
                answer = client.get(path)
                assert (answer.status_code, answer.headers["Location"]) == (307, f"{there}/inner")
            assert len(asked) == 2


@pytest.mark.parametrize("body", [b"\x1f\x8b\x00", b"[1]", b"not JSON", b""])
def test_what_is_no_document_is_passed_on_as_it_is(front: Front, body: bytes) -> None:
    front.said["not_followed"] = {"version": 3}
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Long: {'l' * 9000}\r\nConnection: close\r\n\r\n"
    with saying(head.encode() + body) as (url, asked), asking(front) as client:
        front.send_to(url)
        answer = client.get("/model")
        assert (answer.status_code, answer.content) == (200, body)
        assert len(answer.headers["X-Long"]) == 9000
        assert len(asked) == 1


def test_an_answer_that_is_none_is_asked_for_once(front: Front) -> None:
    with saying(b"what is HTTP?\r\n\r\n") as (url, asked), asking(front) as client:
        front.send_to(url)
        answer = client.post("/predict", content=b"{}", headers=JSON)
        assert answer.status_code == 502
        assert "cannot be read" in answer.json()["error"]
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [(b"caf\xc3\xa9", ""), (b"caf\xe9", "is not UTF-8"), (b"a\x01b", "control characters"), (b"a\x7f", "control")],
)
def test_a_header_arrives_as_it_was_sent_or_is_refused_in_a_line(front: Front, value: bytes, said: str) -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}") as (url, asked):
        front.send_to(url)
        with socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2])), timeout=30) as connection:
            head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Mark: " + value + b"\r\nConnection: close\r\n\r\n"
            connection.sendall(head)
            answer = connection.makefile("rb").read()
        if said:
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"the header x-mark" in answer
            assert said.encode() in answer
            assert not asked
        else:
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"x-mark: " + value in asked[0].lower()


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
