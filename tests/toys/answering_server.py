"""A server that answers with the sum of each image as one version or another, or says what it is told to."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from safetensors.numpy import load

from models.fields import Field
from services.answering import Answers
from services.replies import WRITERS, About

INPUTS = (Field(name="image", shape=(2, 2), unit="counts"), Field(name="sigma", unit="counts", estimated=True))
OUTPUTS = (Field(name="total", unit="counts"),)
Said = tuple[int, bytes]


class AnsweringServer(ThreadingHTTPServer):
    """What it was asked is kept.

    Args:
        says: for each request in turn, the last for all others: a version that answers, or a status and a body.
    """

    daemon_threads = True

    def __init__(self, says: Sequence[Said | int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.left, self.lock = list(says), threading.Lock()
        self.asked: list[dict[str, np.ndarray[Any, Any]]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Its own."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: AnsweringServer

    def do_GET(self) -> None:
        inputs = [one.as_json() for one in INPUTS]
        self._say(200, json.dumps({"problem": "toys", "version": 3, "inputs": inputs}).encode())

    def do_POST(self) -> None:
        tensors = load(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            said = self.server.left.pop(0) if len(self.server.left) > 1 else self.server.left[0]
            self.server.asked.append(tensors)
            self.server.headers.append(dict(self.headers.items()))
        image = tensors["image"].reshape(-1, 2, 2)
        if isinstance(said, int):
            outputs = {"total": image.sum((1, 2))}
            estimated = {} if "sigma" in tensors else {"sigma": image.std((1, 2))}
            answers = Answers(
                outputs=outputs,
                doubts=[["dark"] if one < 0 else [] for one in outputs["total"]],
                not_tested=[],
                estimated=estimated,
            )
            about = About(model={"problem": "toys", "version": said}, outputs=OUTPUTS, inputs=INPUTS)
            said = (200, WRITERS["application/x-safetensors"](answers, ["id"] * len(image), about))
        self._say(*said)

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def answering_server(*says: Said | int) -> Iterator[AnsweringServer]:
    """One that runs while the block does."""
    running = AnsweringServer(says)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield running
    finally:
        running.shutdown()
        running.server_close()
        thread.join()
