"""A line for each request, which says what became of it and nothing of what was in it."""

import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from services import request_log
from services.request_log import RequestLog


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("answered", status_code=418)


def test_requests_are_noted_without_what_was_in_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "_EVERY_S", 0.0)
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    app.add_middleware(RequestLog)
    with TestClient(app) as client:
        client.post("/predict?sigma=200", content=b"pixels", headers={"Authorization": "Bearer secret"})
        client.get("/readyz")
        client.get("/a%0Ab" + "x" * 1000)
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\S+Z testclient - POST /predict 418 8 bytes \d+\.\d ms", first)
    assert re.fullmatch(r"\S+Z testclient - GET /a\\nbx{195} 404 9 bytes \d+\.\d ms", second)
