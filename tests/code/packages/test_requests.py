"""Many images are asked about by as many requests as it takes, and the answers come back as one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.core.errors import AssayError
from components.packages import serving
from components.packages.serving import request


@contextmanager
def answering(versions: list[int]) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers each image with its number, request by request as one version or another."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            version = versions[min(len(seen), len(versions) - 1)]
            seen.append(document)
            predictions = [{"answer": {"number": image["number"]}} for image in document["images"]]
            body = json.dumps({"predictions": predictions, "units": {}, "model": {"version": version}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


ITEMS = [{"number": number, "image": [0.5] * 20} for number in range(7)]


def test_no_request_is_larger_than_services_read_and_answers_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_BODY", 3 * len(json.dumps(ITEMS[0])) + 10)
    with answering([1]) as (url, seen):
        answer = request(url, ITEMS, samples=5)
    assert [len(document["images"]) for document in seen] == [3, 3, 1]
    assert {document["samples"] for document in seen} == {5}
    assert [one["answer"]["number"] for one in answer["predictions"]] == list(range(7))


def test_one_image_is_sent_however_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_BODY", 10)
    with answering([1]) as (url, seen):
        request(url, ITEMS[:2])
    assert [document["images"] for document in seen] == [[ITEMS[0]], [ITEMS[1]]]
    assert "samples" not in seen[0]


def test_answers_of_two_versions_are_not_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_BODY", 10)
    with answering([1, 2]) as (url, _), pytest.raises(AssayError, match="changed from version 1 to 2 midway: repeat"):
        request(url, ITEMS[:2])
