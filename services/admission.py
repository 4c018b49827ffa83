"""Which requests are answered at all: of known types and bounded size, not sent by a web page from elsewhere.

    Middleware(Admission, kinds={"/predict": ("application/json", …)}, limits=read_limits)

A browser that shows anybody's page can send requests to this machine, whatever it listens on: it says in `Origin` whose
page it was, and may send some types without asking first, none of these among them. Other senders have no `Origin`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from services.limits import Limits

_JSON = "application/json"
_BODIES = 8
"""Bodies of the greatest size that all requests together may have in memory: slow senders cannot fill it."""

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]


class Admission:
    """ASGI middleware that answers by itself what is not to be read.

    Args:
        app: what answers the others.
        kinds: of the bodies that each path takes; JSON on others.
        limits: gives how long a body may be.
    """

    def __init__(
        self,
        app: Callable[[_Scope, _Receive, _Send], Awaitable[None]],
        *,
        kinds: Mapping[str, Sequence[str]],
        limits: Callable[[], Limits],
    ) -> None:
        self._app, self._kinds, self._limits = app, kinds, limits()
        self._room = _BODIES * self._limits.body_bytes

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request, or refuse it with a status and one line."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        said = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        headers = dict(said)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
                await _answer(send, 413, f"a {scope['method']} has no body: send it by POST")
            else:
                await self._app(scope, receive, send)
            return
        if len([name for name, _ in said if name == "content-type"]) > 1:
            await _answer(send, 415, "Content-Type is said twice: say it once")
            return
        most = self._limits.body_bytes
        refused = _refused(headers, self._kinds.get(scope["path"], (_JSON,)), most)
        if refused is not None:
            await _answer(send, *refused)
            return
        with self._taking() as take:
            try:
                body = await asyncio.wait_for(_bounded(receive, most, take), timeout=self._limits.body_s)
            except TimeoutError:
                await _answer(send, 408, f"the body has not come in {self._limits.body_s:g} s: send it at once")
                return
            except _FullError:
                line = f"the bodies of all requests have more than {_BODIES * most} bytes: come back later"
                await _answer(send, 429, line, [(b"retry-after", b"1")])
                return
            if body is None:
                await _answer(send, 413, f"the body has more than {most} bytes: send fewer images at once")
                return
            await self._app(scope, _replayed(body, receive), send)

    @contextmanager
    def _taking(self) -> Iterator[Callable[[int], None]]:
        """What takes room for bytes, until a request is answered; it raises _FullError when none is left."""
        taken = 0

        def take(count: int) -> None:
            nonlocal taken
            taken += count
            self._room -= count
            if self._room < 0:
                raise _FullError

        try:
            yield take
        finally:
            self._room += taken


class _FullError(Exception):
    """There is no room for a body beside those of other requests."""


def kind_of(headers: Mapping[str, str]) -> str:
    """The type of a body, by its headers, without what else they say of it."""
    return headers.get("content-type", _JSON).partition(";")[0].strip().lower()


def _refused(headers: dict[str, str], kinds: Sequence[str], most: int) -> tuple[int, str] | None:
    """Status and line for what its headers tell."""
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and _host(origin) != host:
        return 403, f"a page of {origin[:80]} may not ask this server, which is {host[:80]}"
    length = headers.get("content-length", "0")
    empty = length == "0" and "transfer-encoding" not in headers
    if "content-type" not in headers and not empty:
        return 415, f"Content-Type is missing: must be {' or '.join(kinds)}"
    if kind_of(headers) not in kinds:
        form = kind_of(headers).startswith("multipart/")
        hint = "; send the file itself, as curl --data-binary @FILE does" if form else ""
        return 415, f"Content-Type is {headers['content-type'][:80]}: must be {' or '.join(kinds)}{hint}"
    packed = headers.get("content-encoding", "identity")
    if packed.strip().lower() != "identity":
        return 415, f"Content-Encoding is {packed[:80]}: send the body as it is"
    if not length.isdecimal() or len(length) > 18 or int(length) > most:
        return 413, f"Content-Length is {length[:20]}: must be at most {most} bytes: send fewer images at once"
    return None


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def _bounded(receive: _Receive, most: int, take: Callable[[int], None]) -> bytes | None:
    """The body, for each part of which room is taken; None as soon as it is too long, whatever its headers promised."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the sender is gone
            return b""
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > most:
            return None
        take(len(parts[-1]))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: _Receive) -> _Receive:
    """What an application receives of a body that was read before."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> _Scope:
        return waiting.pop() if waiting else await receive()

    return again


async def _answer(send: _Send, status: int, line: str, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    body = json.dumps({"error": line}).encode()
    headers = [
        (b"content-type", _JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
