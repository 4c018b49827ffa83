"""What a browser is shown: which model answers, what it takes and gives, and an example that can be sent at once.

    Middleware(Pages, make=lambda: pages(SOURCE, manifest, read_limits()))

BentoML's own page loads scripts from elsewhere that count its visitors. This one lies in the package, whole, and its
policy lets a browser ask nobody but this server. The examples are inputs that the package was proved with.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.fields import field
from services.bodies import JSON
from services.examples import examples
from services.limits import Limits
from services.openapi import describe
from services.requests import between, left_out

if TYPE_CHECKING:
    from models.fields import Field

__sources__ = ("page.html", "page.css", "page.js")

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
_HEADERS = (
    (b"content-security-policy", f"{_POLICY}base-uri 'none'; form-action 'none'; frame-ancestors 'none'".encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of every answer: a browser asks nobody else, shows it in no other page, and takes it for nothing but its type."""

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Scope]]
_Send = Callable[[_Scope], Awaitable[None]]


class Pages:
    """ASGI middleware that answers what a browser looks at, and puts `_HEADERS` on every answer.

    Args:
        app: what answers the rest.
        make: gives type and content of each path; called when the first of them may be asked for.
    """

    def __init__(
        self,
        app: Callable[[_Scope, _Receive, _Send], Awaitable[None]],
        *,
        make: Callable[[], Mapping[str, tuple[str, bytes]]],
    ) -> None:
        self._app, self._make = app, make
        self._pages: Mapping[str, tuple[str, bytes]] = {}

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] in ("GET", "HEAD"):
            self._pages = self._pages or self._make()
            if scope["path"] in self._pages:
                await _answer(send, *self._pages[scope["path"]], whole=scope["method"] == "GET")
                return

        async def send_with_headers(message: _Scope) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def pages(source: Path, manifest: Mapping[str, Any], limits: Limits) -> dict[str, tuple[str, bytes]]:
    """Type and content of each path.

    Args:
        source: of the package.
        manifest: of the package; its `model` is what answers name.
        limits: of the service.
    """
    inputs, outputs = ([field(document) for document in manifest[of]] for of in ("inputs", "outputs"))
    sound, doubtful = examples(source, inputs)
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    shown = environment.get_template("page.html").render(
        model=manifest["model"],
        inputs=[(one, _shape(one), _range(one)) for one in inputs],
        outputs=[(one, _shape(one)) for one in outputs],
        asked=[one for one in inputs if not one.shape],
        most=limits.request_images,
    )
    documents = {
        "/doubtful.json": doubtful.document,
        "/docs.json": describe(manifest["model"], inputs, outputs, sound, limits),
    }
    return {
        "/": ("text/html; charset=utf-8", shown.encode()),
        "/page.css": ("text/css; charset=utf-8", (_HERE / "page.css").read_bytes()),
        "/page.js": ("text/javascript; charset=utf-8", (_HERE / "page.js").read_bytes()),
        **{f"/example.{ending}": body for ending, body in sound.bodies().items()},
        **{path: (JSON, json.dumps(document).encode()) for path, document in documents.items()},
    }


def _shape(one: "Field") -> str:
    return " × ".join(map(str, one.shape)) or ("a whole number" if one.dtype == "int64" else "a number")


def _range(one: "Field") -> str:
    labelled = ", ".join(f"{number} {label}" for number, label in enumerate(one.labels)) if not one.shape else ""
    return (labelled or between(one).strip() or "any") + left_out(one)


async def _answer(send: _Send, kind: str, content: bytes, *, whole: bool) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),  # another version may answer here soon
        *_HEADERS,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content if whole else b""})
