"""A package at work: served and asked.

    with served(workspace, package) as url:
        answer = request(url, [{"image": rows, "sigma": 200.0, "psf_fwhm": 0.5}])

How a package is checked stands in `components/packages/files.py`, how it is proved in `components/packages/proving.py`.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from components.core import (
    LOCALHOST,
    AssayError,
    ServeSettings,
    Workspace,
    check_port_is_free,
    confined,
    free_port,
    running,
    settings_values,
    wait_until_answers,
)
from components.packages.files import Package, verify_package
from components.packages.signing import check_signed
from services.headers import Said as Said
from services.headers import compare as compare
from services.limits import LIMITS
from services.records import RECORDS
from services.replies import fits_unit as fits_unit
from services.replies import in_ascii as in_ascii

TRAIN_AGAIN = "train the model again and promote it"
REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE)
"""Of a request that another may be answered in place of."""
_ALONE = "services/alone.py"
_ANSWER_TIMEOUT_S = 60.0
_IMAGES = 64
"""Of a request: every server takes as many."""
_BODY = 16 * 2**20
"""Characters of a request, at most, unless one image has more: half of what a service reads."""
_LAST_REQUESTS_S = 5
"""What a server that is stopped gives to the requests it is working on."""


def bentoml_environment(workspace: Workspace, home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """All variables of a BentoML process whose state and temporary files stay in a folder of its own; no secret.

    Two of them must not share a folder: each server that starts empties the metrics of the others.

    Args:
        workspace: whose tools it is one of.
        home: that folder.
        more: variables that are set in any case.
    """
    return confined(
        {
            **workspace.environment(),
            "BENTOML_HOME": str(home / "bentoml"),
            "TMPDIR": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",  # a package is only read
            # The older of two ways to describe an image: for the newer one, pip installs uv into this very environment.
            "BENTOML_ENABLE_FEATURES": "no_image",
            **(more or {}),
        }
    )


class RefusedRequestError(AssayError):
    """A server found something wrong with what it was asked."""


@contextmanager
def served(
    workspace: Workspace,
    package: Package,
    port: int | None = None,
    *,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    limits: ServeSettings | None = None,
    records: Path | None = None,
    log: Path | None = None,
    alone: bool = False,
) -> Iterator[str]:
    """Check a package and serve it, on this machine only, while the block runs.

    It is checked by this house's own code, its signature too where ASSAY_PUBLIC_KEY asks for one, before Python reads
    any of it.

    Args:
        workspace: where its store is.
        package: which one; that it is still the same is looked up here.
        port: the port; a free one when none is given.
        python: the interpreter, whose environment has what the package requires.
        environment: variables for the server.
        limits: how much it takes on; its own defaults when they are not given.
        records: where it records what it answers; nowhere by default.
        log: where the server writes; by default `logs/` of the state folder, a file for each package.
        alone: whether this process alone asks it: without BentoML around it, it is ready in half the time.

    Yields:
        The server's URL, once it is ready to answer.

    Raises:
        IntegrityError: when the package is damaged, another one, or not signed by the key that is asked for.
        AssayError: when there is none, the port is taken, or the server does not start; the log is named.
    """
    check_signed(verify_package(workspace, package.tag, digest=package.digest))
    if port is None:
        port = free_port()
    else:
        check_port_is_free(port)
    home = workspace.home / "serving" / str(port)
    home.mkdir(parents=True, exist_ok=True)
    log = log or workspace.home / "logs" / f"serve-{package.tag.replace(':', '-')}.log"
    if alone and (package.source / _ALONE).is_file():  # packages of former times have BentoML's service only
        command = [python, "-m", "services.alone", str(port)]
    else:
        arguments = ["--host", LOCALHOST, "--port", str(port), "--timeout-graceful-shutdown", str(_LAST_REQUESTS_S)]
        command = [python, "-m", "bentoml", "serve", str(package.folder), *arguments]
    told = {LIMITS: json.dumps(_told(limits))} if limits else {}
    told |= {RECORDS: str(records)} if records else {}
    variables = bentoml_environment(workspace, home, {**(environment or {}), **told})
    workers: list[psutil.Process] = []
    try:
        # From its own source, so that no module in the user's folder stands in for one of the package's.
        with running(command, log=log, cwd=package.source, environment=variables) as child:
            try:
                wait_until_answers(f"http://{LOCALHOST}:{port}/readyz", child, log=log)
            except (AssayError, httpx.HTTPError) as error:
                raise AssayError(f"package {package.tag} does not start: the reason is at the end of {log}") from error
            workers = psutil.Process(child.pid).children(recursive=True)
            yield f"http://{LOCALHOST}:{port}"
    finally:
        # Each worker leads a session of its own: it outlives a supervisor that was killed, and would keep the port.
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        shutil.rmtree(home, ignore_errors=True)


def _told(limits: ServeSettings) -> dict[str, Any]:
    """What a server is told of its limits: what is not by default, since older packages do not know all of them."""
    defaults = settings_values(ServeSettings())
    return {name: value for name, value in settings_values(limits).items() if value != defaults[name]}


def is_alive(url: str) -> bool:
    """Whether a server answers; one that is busy may take its time."""
    try:
        return httpx.get(f"{url}/livez", timeout=_ANSWER_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def request(
    url: str, items: Sequence[Mapping[str, Any]], *, samples: int = 0, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Ask a server for predictions, by as many requests as it takes.

    Args:
        url: the server, as `served` yields it.
        items: one mapping for each image, with every input of the model by name.
        samples: joint draws from the posterior of each.
        headers: such as say whose request it is, or that it belongs to no records.

    Returns:
        `predictions`, in the order of the items, `units` of the outputs, and `model`.

    Raises:
        AssayError: with the server's own line when it refuses the request, when nothing useful answers, or when another
            version does midway.
    """
    answers = [_ask(url, part, samples, headers or {}) for part in _parts(items)]
    models = {str(answer["model"].get("version")) for answer in answers}
    if len(models) > 1:
        raise AssayError(f"{url} changed from version {' to '.join(sorted(models))} midway: repeat the command")
    return {**answers[0], "predictions": [one for answer in answers for one in answer["predictions"]]}


def model_of(url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a server says of its model: problem and version, `inputs` and `outputs` with shapes, units and limits.

    Raises:
        AssayError: when nothing useful answers.
    """
    known = {"problem", "version", "inputs"}
    try:
        return _asked("GET", f"{url}/model", known, headers=headers or {})
    except AssayError:  # the services of older packages are asked so
        return _asked("POST", f"{url}/model", known, body=b"{}", headers=headers or {})


def _parts(items: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """The items as JSON, as many together as a body may hold."""
    part: list[str] = []
    size = 0
    for item in items:
        # Not by httpx's `json=`, which raises on NaN by itself: the server names the pixel.
        text = json.dumps(item)
        if part and (size + len(text) > _BODY or len(part) == _IMAGES):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text) + len(", ")
    yield part


def _ask(url: str, part: Sequence[str], samples: int, headers: Mapping[str, str]) -> dict[str, Any]:
    more = f', "samples": {samples}' if samples else ""
    body = f'{{"images": [{", ".join(part)}]{more}}}'.encode()
    return _asked("POST", f"{url}/predict", {"predictions", "units", "model"}, body=body, headers=headers)


def _asked(
    method: str, address: str, keys: set[str], *, body: bytes = b"", headers: Mapping[str, str]
) -> dict[str, Any]:
    said = {"Content-Type": "application/json", **headers}
    try:
        with httpx.Client(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:  # no proxy stands before this machine
            answer = client.request(method, address, content=body, headers=said)
        document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AssayError(f"{address} gave no answer ({error or type(error).__name__}): is it served?") from error
    if answer.status_code != httpx.codes.OK:
        line = document.get("error") if isinstance(document, dict) else document
        refused = RefusedRequestError if answer.status_code in REFUSED else AssayError
        raise refused(f"{address} answered {answer.status_code}: {line}")
    if not isinstance(document, dict) or not keys <= document.keys():
        raise AssayError(f"{address}: its package is from before answers had named fields: {TRAIN_AGAIN}")
    return document
