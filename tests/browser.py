"""Debian's Chromium, without a network, for what a page is in a window and on paper; told by its DevTools protocol.

    with chromium(tmp_path) as browser:
        page = browser.open(card.as_uri(), width=390)
        assert page.faults() == []
        page.picture(tmp_path / "card.png")

No name resolves in it but 127.0.0.1, so that a page that asks elsewhere gets no answer; each question is kept.
`tests/chromium.sh` installs it.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from components.core.processes import running

_STARTS_WITHIN_S = 60
_ANSWERS_WITHIN_S = 60
_QUIET_S = 0.5
"""Without a message, so long after a page was loaded, nothing more is asked for."""
_ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--hide-scrollbars",
)


def missing() -> str:
    """Why no page can be opened here; empty where one can."""
    return "" if _program() else "no Chromium is installed: type tests/chromium.sh"


class Page:
    """A page in a window: what it asked for, what went wrong, and what it looks like."""

    def __init__(self, link: Connection, url: str) -> None:
        self._link, self._last = link, 0
        self.url = url
        self.asked: list[str] = []
        """The address of each request, in their order."""
        self.wrong: list[str] = []
        """Requests that failed, and errors of scripts and of the page's own policy, a line each."""

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        self._last += 1
        self._link.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._link.recv(_ANSWERS_WITHIN_S))
            if message.get("id") != self._last:
                self._hear(message)
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']['message']}")
            else:
                return dict(message["result"])

    def rest(self) -> None:
        """Wait until nothing more happens."""
        try:
            while True:
                self._hear(json.loads(self._link.recv(_QUIET_S)))
        except TimeoutError:
            return

    def value(self, script: str) -> Any:
        """What a script gives in the page, once it is there if it is promised."""
        found = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def faults(self) -> list[str]:
        """What no page may: ask elsewhere, miss an answer, be wider than its window, show a picture without words."""
        here = ("127.0.0.1", None)
        foreign = [f"asks {url}" for url in self.asked if urlsplit(url).hostname not in here]
        wide = self.value(
            "document.documentElement.scrollWidth > innerWidth"
            " ? `${document.documentElement.scrollWidth} px wide in ${innerWidth}` : ''"
        )
        silent = self.value("[...document.images].filter(image => !image.alt.trim()).length")
        return [*foreign, *self.wrong, *([wide] if wide else []), *(["a picture has no words"] if silent else [])]

    def cut_off(self, width_mm: float) -> list[str]:
        """What a printer would cut off of the page: elements that end beyond its margins of 12 mm."""
        inner = round((width_mm - 24) / 25.4 * 96)  # a CSS inch has 96 px
        self.tell("Emulation.setEmulatedMedia", media="print")
        self.tell("Emulation.setDeviceMetricsOverride", width=inner, height=1000, deviceScaleFactor=1, mobile=False)
        script = (
            "[...document.body.querySelectorAll('*')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)"
            ".map(one => `${one.tagName} ${one.textContent.trim().slice(0, 40)}`)"
        )
        found: list[str] = self.value(script)
        self.tell("Emulation.setEmulatedMedia", media="")
        return found

    def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        shown = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shown["data"]))

    def printed(self, file: Path, width_mm: float, height_mm: float) -> None:
        """The page as PDF."""
        size = {"paperWidth": width_mm / 25.4, "paperHeight": height_mm / 25.4}
        file.write_bytes(base64.b64decode(self.tell("Page.printToPDF", preferCSSPageSize=False, **size)["data"]))

    def _hear(self, message: dict[str, Any]) -> None:
        said = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(said["request"]["url"])
            case "Network.loadingFailed":
                self.wrong.append(f"a request failed: {said['errorText']} {said.get('blockedReason', '')}".strip())
            case "Network.responseReceived" if said["response"]["status"] >= 400:
                self.wrong.append(f"{said['response']['url']} answered {said['response']['status']}")
            case "Runtime.exceptionThrown":
                self.wrong.append(f"a script failed: {said['exceptionDetails']['text']}")
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.wrong.append(said["entry"]["text"])


class Browser:
    """A running Chromium."""

    def __init__(self, port: int) -> None:
        self._port = port

    @contextmanager
    def open(self, url: str, *, width: int, height: int = 900) -> Iterator[Page]:
        """A page in a window of so many pixels, when all it asked for is there; closed after the block."""
        with connect(f"ws://127.0.0.1:{self._port}{self._target()}", max_size=None, compression=None) as link:
            page = Page(link, url)
            for domain in ("Page", "Network", "Runtime", "Log"):
                page.tell(f"{domain}.enable")
            page.tell(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
            gone = page.tell("Page.navigate", url=url)
            if "errorText" in gone:
                page.wrong.append(f"{url}: {gone['errorText']}")
            page.rest()
            yield page
            page.tell("Page.close")

    def _target(self) -> str:
        """A new empty tab."""
        made = httpx.put(f"http://127.0.0.1:{self._port}/json/new?about:blank", trust_env=False).json()
        return str(urlsplit(made["webSocketDebuggerUrl"]).path)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Chromium with a profile of its own, while the block runs.

    Args:
        folder: an empty one, for its profile and its log.
    """
    program = _program()
    assert program is not None
    profile = folder / "profile"
    # As root it must do without its sandbox.
    more = ["--no-sandbox"] if os.getuid() == 0 else []
    command = [program, *_ARGUMENTS, *more, f"--user-data-dir={profile}", "about:blank"]
    with running(
        command, log=folder / "chromium.log", cwd=folder, environment={**os.environ, "HOME": str(folder)}
    ) as child:
        yield Browser(_port(profile / "DevToolsActivePort", child))


def _port(file: Path, child: "subprocess.Popen[bytes]") -> int:
    """Where it listens, which it writes into its profile."""
    end = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < end and child.poll() is None:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2:
            return int(lines[0])
        time.sleep(0.05)
    raise RuntimeError(f"Chromium did not start within {_STARTS_WITHIN_S} s: see {file.parents[1] / 'chromium.log'}")


def _program() -> str | None:
    return shutil.which("chromium")
