"""Somebody on this machine who is told of events."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any


class Receiver:
    """A server on this machine that fails as often as it is told to, and answers nobody while it is not `open`.

    Args:
        failures: how often it fails at first.
        rejects: of which events it says that they are none of its kind.
    """

    def __init__(self, failures: float = 0, rejects: Callable[[Any], bool] = lambda event: False) -> None:
        self.got: list[tuple[bytes, str | None]] = []
        self.asked = 0
        self.open = Event()
        self.open.set()
        receiver, left = self, [failures]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                receiver.open.wait()
                status = 500 if left[0] > 0 else 422 if rejects(json.loads(body)) else 204
                left[0] -= 1
                if status == 204:
                    receiver.got.append((body, self.headers["X-Assay-Signature"]))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        Thread(target=self.server.serve_forever, daemon=True).start()
