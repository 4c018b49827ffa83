"""Which requests are answered at all: JSON of bounded size and known keys, not sent by a web page from elsewhere.

    Predictor.add_asgi_middleware(Admission, keys={"/predict": ("images", "samples")})

A browser that shows anybody's page can send requests to this machine, whatever it listens on: it says in `Origin` whose
page it was, and may send some types without asking first, JSON not among them. Other senders have no `Origin`.
"""

import json
import reprlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

MOST_BYTES = 32 * 2**20
"""Of a body: 256 images of 64 × 64 pixels with every digit of float64 have 21 MiB. Reading it costs 20 times that."""

_JSON = "application/json"

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]


class Admission:
    """ASGI middleware that answers by itself what is not to be read.

    Args:
        app: what answers the others.
        keys: of the objects that each path takes; none on others.
    """

    def __init__(
        self, app: Callable[[_Scope, _Receive, _Send], Awaitable[None]], *, keys: Mapping[str, Sequence[str]]
    ) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request, or refuse it with a status and one line."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = _refused(headers)
        if refused is not None:
            await _answer(send, *refused)
            return
        body = await _bounded(receive)
        if body is None:
            await _answer(send, 413, f"the body has more than {MOST_BYTES} bytes: send fewer images at once")
            return
        unknown = _unknown(body, self._keys.get(scope["path"], ()))
        if unknown is not None:
            await _answer(send, 400, unknown)
            return
        await self._app(scope, _replayed(body, receive), send)


def _refused(headers: dict[str, str]) -> tuple[int, str] | None:
    """Status and line for what its headers tell."""
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, f"a page of {origin[:80]} may not ask this server, which is {host[:80]}"
    length = headers.get("content-length", "0")
    empty = length == "0" and "transfer-encoding" not in headers
    kind = headers.get("content-type", _JSON if empty else "missing")
    if kind.partition(";")[0].strip().lower() != _JSON:
        return 415, f"Content-Type is {kind[:80]}: must be {_JSON}"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return 413, f"Content-Length is {length[:20]}: must be at most {MOST_BYTES} bytes: send fewer images at once"
    return None


def _unknown(body: bytes, keys: Sequence[str]) -> str | None:
    """What is wrong with the object as a whole, in a line: a key that means nothing was meant to do something."""
    try:
        found = from_json(body or b"{}")
    except ValueError as error:
        return f"the body is no JSON: {error}"
    named = f"with the keys {', '.join(keys)}" if keys else "without keys"
    if not isinstance(found, dict):
        return f"the body is {reprlib.repr(found)}: must be an object {named}"
    for key in found:
        if key not in keys:
            return f"the body has an unknown key {reprlib.repr(key)}: must be an object {named}"
    return None


async def _bounded(receive: _Receive) -> bytes | None:
    """The body; None as soon as it is too long, whatever its headers promised."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the sender is gone
            return b""
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: _Receive) -> _Receive:
    """What an application receives of a body that was read before."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> _Scope:
        return waiting.pop() if waiting else await receive()

    return again


async def _answer(send: _Send, status: int, line: str) -> None:
    body = json.dumps({"error": line}).encode()
    headers = [
        (b"content-type", _JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
