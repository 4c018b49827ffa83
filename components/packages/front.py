"""An address that stays while what answers behind it changes: requests go to one server, then to the next.

    with opened(3000, limits, log=file) as front:
        front.send_to("http://127.0.0.1:20001")
        front.send_to("http://127.0.0.1:20002")        # from the next request on; those under way end where they are
        front.wait_until_left("http://127.0.0.1:20001", timeout_s=60)

What is asked here changes nothing: a request that a server did not answer, since its process was killed say, is asked
again when one answers. It runs in a thread, so that whoever opens it can look after what is behind it.
"""

import asyncio
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from yarl import URL

from components.core import LOCALHOST, AssayError, ServeSettings, check_port_is_free
from services.admission import Admission
from services.bodies import JSON, READERS
from services.callers import TOKENS, Callers, is_here, read_tokens, turned_away
from services.limits import Limits
from services.request_log import RequestLog

_OF_ONE_CONNECTION = (
    "authorization",
    "connection",
    "content-length",
    "date",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"""Headers that are not passed on (RFC 9110, 7.6.1), and those of the way here: token, name, length, page, date."""
_NOT_SENT = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER = 2**16
"""Bytes of a header of an answer."""
_BACK_S = 20.0
"""How long a request waits for a server that is away: one whose process was killed is back in a few seconds."""
_ANSWER_S = 120.0
_KEPT_S = 4.0
"""How long an unused connection is kept: a server ends it after five, maybe just as a request is on its way."""
_AGAIN_S = 0.1
_START_S = 10.0


class Front:
    """What stands before servers.

    Args:
        url: its own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._url: str | None = None
        self._under_way: Counter[str] = Counter()
        self._client: aiohttp.ClientSession
        self.said: dict[str, Any] = {}
        """What `/model` says beside what the server does."""

    def send_to(self, url: str) -> None:
        """Have every request from now on answered by a server."""
        self._url = url

    def wait_until_left(self, url: str, *, timeout_s: float) -> bool:
        """Wait until a server has answered all that it was asked; False when it has not in time."""
        until = time.monotonic() + timeout_s
        while self._under_way[url] and time.monotonic() < until:
            time.sleep(0.02)
        return not self._under_way[url]

    async def answer(self, request: Request) -> Response:
        """Pass a request on, and its answer back."""
        body, broken_off, away_since = await request.body(), 0, float("inf")
        while time.monotonic() - away_since < _BACK_S and broken_off < 2:
            url = self._url
            if url is not None:
                self._under_way[url] += 1
                try:
                    return await self._asked(url, request, body)
                except aiohttp.ClientConnectorError:
                    pass  # it never got there
                except TimeoutError:
                    return JSONResponse({"error": f"no answer in {_ANSWER_S:.0f} s: ask for less"}, status_code=504)
                except aiohttp.ClientResponseError as error:
                    line = f"the server's answer cannot be read ({error.message}): its log says what it was"
                    return JSONResponse({"error": line}, status_code=502)
                except aiohttp.ClientError:
                    broken_off += 1
                finally:
                    self._under_way[url] -= 1
            away_since = min(away_since, time.monotonic())
            await asyncio.sleep(_AGAIN_S)
        line = "the server broke off twice" if broken_off > 1 else "no server answers behind this address"
        return JSONResponse({"error": f"{line}: ask again"}, status_code=503, headers={"Retry-After": "5"})

    async def _asked(self, url: str, request: Request, body: bytes) -> Response:
        path, at = request.scope["raw_path"].partition(b"?")[0].decode("latin-1"), URL(url)
        # Joined to an address as text, a path could lead to another server, by an `@` say.
        address = URL.build(
            scheme=at.scheme,
            host=at.host or "",
            port=at.port,
            path=f"/{path.removeprefix('/')}",
            query_string=request.scope["query_string"].decode("latin-1"),
            encoded=True,
        )
        try:
            headers = [_text(*pair) for pair in request.headers.raw if _is_passed_on(pair[0])]
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        sent = {"headers": headers, "data": io.BytesIO(body) if body else None}
        # Where an answer leads is for whoever asked to follow: here it would be to another server.
        async with self._client.request(request.method, address, **sent, allow_redirects=False) as answer:  # type: ignore[arg-type]
            content = await answer.read()
        if (request.method, request.scope["path"], answer.status) == ("GET", "/model", 200) and self.said:
            content = _with(self.said, content)
        response = Response(content, answer.status)
        kept = [(name.lower(), value) for name, value in answer.raw_headers if _is_passed_on(name)]
        response.raw_headers = [*kept, (b"content-length", str(len(content)).encode())]
        return response

    @asynccontextmanager
    async def life(self, _: Starlette) -> AsyncIterator[None]:
        """Hold the connections to servers."""
        # No proxy stands before this machine, and what a server packed is passed on as it is.
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_S),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            auto_decompress=False,
            max_line_size=_HEADER,
            max_field_size=_HEADER,
            trust_env=False,
        ) as self._client:
            yield


def _with(said: dict[str, Any], content: bytes) -> bytes:
    """A document with some more; what is none is left as it is."""
    try:
        document = json.loads(content)
    except ValueError:
        return content
    return json.dumps({**document, **said}).encode() if isinstance(document, dict) else content


def _text(name: bytes, value: bytes) -> tuple[str, str]:
    """A header as it can be sent on.

    Raises:
        ValueError: in one line, when it has control characters, or is not UTF-8.
    """
    said = name.decode("latin-1")
    if _NOT_SENT.search(value):
        raise ValueError(f"the header {said} has control characters: send it without")
    try:
        return said, value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the header {said} is not UTF-8: send it as such") from error


def _is_passed_on(name: bytes) -> bool:
    return name.decode("latin-1").lower() not in _OF_ONE_CONNECTION


def check_address(port: int, host: str) -> None:
    """See that a port can be listened on, and may be.

    Raises:
        AssayError: when it is taken, or the address is not of this machine alone and nobody has a token.
    """
    try:
        if not read_tokens().digests and not is_here(host):
            raise AssayError(f"--host {host} is not of this machine alone, and nobody has a token: set {TOKENS}")
    except ValueError as error:
        raise AssayError(str(error)) from error
    check_port_is_free(port, host)


@contextmanager
def opened(port: int, limits: ServeSettings, *, log: Path, host: str = LOCALHOST) -> Iterator[Front]:
    """Listen on a port while the block runs.

    Args:
        port: which one.
        limits: how long a body may be.
        log: a file that gets a line for each request.
        host: the address; any other than this machine's own only where there are tokens.

    Raises:
        AssayError: as `check_address`.
    """
    check_address(port, host)
    front, most = Front(f"http://{host}:{port}"), Limits(**asdict(limits))
    log.parent.mkdir(parents=True, exist_ok=True)
    request_log = Middleware(RequestLog, file=log)
    callers = Middleware(AuthenticationMiddleware, backend=Callers(), on_error=turned_away)
    admission = Middleware(Admission, kinds={"/predict": (JSON, *READERS)}, limits=lambda: most)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    route = Route("/{path:path}", front.answer, methods=methods)
    app = Starlette(routes=[route], middleware=[request_log, callers, admission], lifespan=front.life)
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    server = uvicorn.Server(config)

    def run() -> None:
        with suppress(SystemExit):  # of a port that cannot be listened on; it is told below
            server.run()

    thread = threading.Thread(target=run, name="front", daemon=True)
    thread.start()
    try:
        until = time.monotonic() + _START_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > until:
                raise AssayError(f"port {port} of {host} cannot be listened on: free it, or choose another with --port")
            time.sleep(0.01)
        yield front
    finally:
        server.should_exit = True
        thread.join(_START_S)
