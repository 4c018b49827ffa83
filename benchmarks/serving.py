"""What serving adds to a model: the package's service against the model, MLflow's server, and a plain BentoML one.

python -m benchmarks serving         # after `make run`, whose production model answers; installs wrk where it can

All are asked about the same image by the same client (wrk) on the same cores, one server at a time, in one run: one
client with single images, sixteen of them, and one or two with 64 images in a request. Shared cores change their speed
within a tenth of a second, by half: what is compared takes turns, after every few images with the model itself (where
the client is Python's, which waits no less than wrk), second by second where wrk is the client.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import torch
from safetensors.numpy import save

from benchmarks._other_servers import mlflow_server, plain_bentoml
from benchmarks.cutouts import measure_cutouts
from components.core import AssayError, ServeSettings, Workspace, free_port
from components.lifecycle import deployed
from components.packages import Package, build_package, opened, request_items, served
from components.packages.files import GOLDEN
from components.packages.golden import read_golden
from services.answering import Answering, Asked

_HOUSE = Path(__file__).parents[1]
_NAME, _BINARY = "galaxy-shape", "application/x-safetensors"
_SECONDS, _ROUNDS = 8, 20
_TURNS, _IMAGES = 400, 6
"""Of a client and the model, and images in each: the first finds the cores' caches full of the other's."""
_LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = os.getenv("KIND")
wrk.headers["Accept"] = os.getenv("ACCEPT")
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a client saw."""

    per_second: float
    """Requests."""
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers that were no success, and connections that broke."""

    def line(self, images: int) -> str:
        """In words."""
        said = f"{self.per_second * images:8.1f} images/s, p50 {self.p50_ms:7.1f} ms, p99 {self.p99_ms:7.1f} ms"
        return said + (f", {self.failed} FAILED" if self.failed else "")


def main() -> None:
    """Print every rate, and the ratios that the service is held to."""
    _install_wrk()
    workspace = Workspace.find(_HOUSE)
    workspace.activate()
    now = deployed(workspace, _NAME, "production")
    inputs = read_golden(now.package.source / GOLDEN).inputs
    one = {name: array[:1] for name, array in inputs.items()}
    many = {name: np.repeat(array, 64, axis=0) for name, array in one.items()}
    rates: dict[str, Load] = {}
    with tempfile.TemporaryDirectory() as scratch:
        package, there = _of_this_code(now.package, inputs, Path(scratch))
        model = _Model(Answering(package.source), one, many)
        bodies = _Bodies(folder=Path(scratch), one=one, many=many)
        with served(there, package, records=Path(scratch) / "records") as url:  # as `assay serve` has them
            bare = [model.rate()]
            for kind in ("binary", "json"):
                rates |= bodies.load(f"assay {kind}", f"{url}/predict", kind)
                bare.append(model.rate())
            more_ms, around_ms = _one_image(model, bodies, url)
            together = _sixteen_over_one(bodies, url)
            before = opened(free_port(), ServeSettings(), log=Path(scratch) / "log")  # as `assay serve` has it
            with before as front:
                front.send_to(url)
                rates |= bodies.load("assay serve binary", f"{front.url}/predict", "binary")
                few, all_of_them, alone_too = measure_cutouts(_NAME, front.url, one, model.rate, Path(scratch))
        with plain_bentoml(package, Path(scratch)) as url:
            rates |= bodies.load("plain BentoML json", f"{url}/predict", "json")
        with mlflow_server(_NAME, Path(scratch)) as url:
            rates |= bodies.load("mlflow models serve json", f"{url}/invocations", "mlflow")
    sixteen = rates["assay binary, 16 × 1"]
    best = max(rates[f"assay binary, {clients} × 64"].per_second for clients in (1, 2)) * 64
    print(f"the model itself: {', '.join(f'{rate:.0f}' for rate in bare)} images/s in batches of 64")
    print(f"64 images in binary over the model itself: {best / np.mean(bare[:2]):.2f} (asked: at least 0.80)")
    low, middle, high = _median(more_ms)
    print(f"one image: {middle:.2f} ms more than the model itself, 95 % [{low:.2f}, {high:.2f}] (asked: at most 3)")
    print(f"of these {around_ms:.2f} ms around the model, by the server's own clock of it; else the model")
    print(few.line("for few files"))
    for what, done in (("against a server", all_of_them), ("with a server of its own", alone_too)):
        print(f"{done.line(what)} (asked: at least 0.70)")
    low, middle, high = np.percentile(together, (25, 50, 75))
    print(f"sixteen clients over one client: {middle:.2f}, half of {_ROUNDS} rounds {low:.2f} to {high:.2f} (asked: 3)")
    for what, other, least in (
        ("mlflow models serve", rates["mlflow models serve json, 16 × 1"], 3),
        ("a plain BentoML service", rates["plain BentoML json, 16 × 1"], 2),
    ):
        print(f"sixteen clients over {what}: {sixteen.per_second / other.per_second:.2f} (asked: at least {least})")


def _one_image(model: "_Model", bodies: "_Bodies", url: str) -> tuple[list[float], float]:
    """Milliseconds that a client waits more than the model takes alone, by turns; and more than it takes in there."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    kind, body = {"Content-Type": _BINARY, "Accept": _BINARY}, _body("binary", bodies.one)

    def ask() -> None:
        connection.request("POST", "/predict", body, kind)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise AssayError(f"{url} answered {answer.status}")

    more, waited, began = [], [], _batches(url)
    for _ in range(_TURNS):
        alone = np.median(_milliseconds_of(model.one_image, _IMAGES)[1:])
        waited.append(_milliseconds_of(ask, _IMAGES))
        more.append(float(np.median(waited[-1][1:]) - alone))
    seconds, count = (now - then for now, then in zip(_batches(url), began, strict=True))
    return more, float(np.mean(waited)) - 1000 * seconds / count


def _milliseconds_of(call: Callable[[], object], times: int) -> list[float]:
    """What each call of some took."""
    moments = [time.perf_counter()]
    for _ in range(times):
        call()
        moments.append(time.perf_counter())
    return [1000 * float(taken) for taken in np.diff(moments)]


def _sixteen_over_one(bodies: "_Bodies", url: str) -> list[float]:
    """Rates of sixteen clients over those of one, a second each in turn."""
    found = []
    for _ in range(_ROUNDS):
        one, sixteen = (bodies.clients(f"{url}/predict", count).per_second for count in (1, 16))
        found.append(sixteen / one)
    return found


def _median(values: list[float]) -> tuple[float, float, float]:
    """A median between the ends of its 95 % interval, which are two of the values (David & Nagaraja 2003, 7.1)."""
    ordered, half = np.sort(values), 0.98 * len(values) ** 0.5
    ends = (round(len(values) / 2 - half), len(values) // 2, round(len(values) / 2 + half))
    low, middle, high = (float(ordered[index]) for index in ends)
    return low, middle, high


def _batches(url: str) -> tuple[float, float]:
    """Seconds that a server's batches took, and how many there were."""
    said = httpx.get(f"{url}/metrics", trust_env=False).text
    parts = ("sum", "count")
    seconds, count = (
        sum(map(float, re.findall(rf"^assay_batch_seconds_{part}\S* (\S+)$", said, re.M))) for part in parts
    )
    return seconds, count


@dataclass(frozen=True, kw_only=True)
class _Bodies:
    """Requests of one image and of 64, as each server takes them."""

    folder: Path
    one: Mapping[str, Any]
    many: Mapping[str, Any]

    def load(self, name: str, url: str, kind: str) -> dict[str, Load]:
        """What clients see of a server."""
        found = {}
        for clients, inputs in ((1, self.one), (16, self.one), (1, self.many), (2, self.many)):
            images = len(inputs["image"])
            path = self.folder / f"{kind}-{images}"
            path.write_bytes(_body(kind, inputs))
            said = f"{name}, {clients} × {images}"
            sent = _BINARY if kind == "binary" else "application/json"
            found[said] = _wrk(url, path, sent, clients)
            print(f"{said:36s} {found[said].line(images)}", flush=True)
        return found

    def clients(self, url: str, count: int) -> Load:
        """What so many clients with one image see, for a second."""
        path = self.folder / "one"
        path.write_bytes(_body("binary", self.one))
        return _wrk(url, path, _BINARY, count, seconds=1, warm_s=0)


def _body(kind: str, inputs: Mapping[str, Any]) -> bytes:
    if kind == "binary":
        return save({name: np.ascontiguousarray(array) for name, array in inputs.items()})
    if kind == "json":
        return json.dumps({"images": request_items(inputs)}).encode()
    return json.dumps({"inputs": {name: array.tolist() for name, array in inputs.items()}}).encode()


def _wrk(url: str, body: Path, kind: str, clients: int, *, seconds: int = _SECONDS, warm_s: int = 2) -> Load:
    script = body.parent / "post.lua"
    script.write_text(_LUA)
    environment = {**os.environ, "BODY": str(body), "KIND": kind, "ACCEPT": kind}
    command = ["wrk", "-t1", f"-c{clients}", "--timeout", "60s", "--latency", "-s", str(script), url]
    said = ""
    for length in filter(None, (warm_s, seconds)):
        timed = [*command, "-d", f"{length}s"]
        said = subprocess.run(timed, env=environment, capture_output=True, text=True, check=True).stdout
    broken = sum(int(count) for count in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Load(
        per_second=float(re.findall(r"Requests/sec:\s+(\S+)", said)[0]),
        p50_ms=_milliseconds(re.findall(r"^\s+50%\s+(\S+)", said, re.MULTILINE)[0]),
        p99_ms=_milliseconds(re.findall(r"^\s+99%\s+(\S+)", said, re.MULTILINE)[0]),
        failed=broken + (int(refused[1]) if refused else 0),
    )


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


@dataclass(frozen=True)
class _Model:
    """The model without a server: outputs and doubts."""

    answering: Answering
    one: Mapping[str, Any]
    many: Mapping[str, Any]

    def rate(self) -> float:
        """Images a second in batches of 64."""
        taken_ms = _milliseconds_of(lambda: self.answering([Asked(inputs=self.many)]), 20)
        return 64_000 / float(np.median(taken_ms))

    def one_image(self) -> None:
        """Answer one."""
        self.answering([Asked(inputs=self.one)])


def _of_this_code(package: Package, inputs: Mapping[str, Any], folder: Path) -> tuple[Package, Workspace]:
    """The same model in a package of today's service."""
    (folder / "params.yaml").write_text("problems: {}\n")
    there = Workspace(root=folder, home=folder / ".assay")
    made = build_package(
        there,
        model_folder=package.source / "model",
        version=package.manifest["model"]["version"],
        lineage=package.manifest["model"],
        tested_range=json.loads((package.source / "model" / "tested_range.json").read_bytes()),
        golden_inputs={name: torch.from_numpy(array) for name, array in inputs.items()},
    )
    return made, there


def _install_wrk() -> None:
    if shutil.which("wrk") is None:
        done = subprocess.run(["apt-get", "install", "-qq", "wrk"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssayError(f"wrk cannot be installed here ({done.stderr.strip()[-200:]}): install it, then try again")


if __name__ == "__main__":
    main()
