"""A line for each request, without what was in it, written together once a second: a write for each costs what it says.

Middleware(RequestLog)

2026-11-29T10:48:01.123Z 127.0.0.1 anna POST /predict 200 65880 bytes 12.3 ms

It says whose token it was (`callers.py`), `-` where there was none.
"""

import asyncio
import atexit
import logging
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

_EVERY_S = 1.0
_LOG_BYTES, _LOGS = 32 * 2**20, 4
_LONGEST = 200
"""Characters of a path: whoever asks chooses it."""
_QUIET = ("/livez", "/readyz", "/healthz", "/metrics")
"""What looks every few seconds."""

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]


class RequestLog:
    """ASGI middleware that keeps a log.

    Args:
        app: what answers.
        file: what lines are added to, and begun anew at a certain size; standard output by default.
    """

    def __init__(self, app: Callable[[_Scope, _Receive, _Send], Awaitable[None]], *, file: Path | None = None) -> None:
        self._app, self._log = app, logging.Logger("requests")
        self._log.addHandler(
            RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=_LOGS, encoding="utf-8")
            if file
            else logging.StreamHandler(sys.stdout)
        )
        self._lines: list[str] = []
        self._writing: asyncio.Task[None] | None = None
        atexit.register(self._write)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":  # which has ended
                self._write()
            return
        began, status, length = time.perf_counter(), 0, 0

        async def noted(message: _Scope) -> None:
            nonlocal status, length
            if message["type"] == "http.response.start":
                status = message["status"]
            length += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            taken = 1000 * (time.perf_counter() - began)
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            client, path = (scope.get("client") or ("-",))[0], ascii(scope["path"])[1:-1][:_LONGEST]
            caller = getattr(scope.get("user"), "display_name", "") or "-"
            done = f"{scope['method']} {path} {status} {length} bytes {taken:.1f} ms"
            self._lines.append(f"{now} {client} {caller} {done}")
            if self._writing is None or self._writing.done():
                self._writing = asyncio.get_running_loop().create_task(self._soon())

    async def _soon(self) -> None:
        await asyncio.sleep(_EVERY_S)
        self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._log.info("\n".join(lines))
