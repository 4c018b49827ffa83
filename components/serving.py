"""A package at work: checked, served and asked.

    package = verify_package(workspace, "galaxy-shape:v3-0123456789ab")
    with served(workspace, package.tag) as url:
        answer = request(url, [{"image": rows, "sigma": 200.0, "psf_fwhm": 0.5}])

How a package is made stands in `components/packaging.py`, how it is proved in `components/proving.py`.
"""

import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from components.digests import file_sha256, value_digest
from components.errors import AssayError, IntegrityError
from components.processes import LOCALHOST, check_port_is_free, free_port, running, wait_until_answers
from components.workspace import Workspace

MODEL = "model"
"""The folder of a package's source that holds what is no code."""
MANIFEST = f"{MODEL}/package.json"
SIGNATURE = f"{MODEL}/package.sig"
GOLDEN = f"{MODEL}/golden.safetensors"

_ANSWER_TIMEOUT_S = 60.0
_MEND = "type `assay reconcile`, which builds the package of a stage again"
_LAST_REQUESTS_S = 5
"""What a server that is stopped gives to the requests it is working on."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that was found whole."""

    tag: str
    """Name and version in the Bento store."""
    digest: str
    """SHA-256 of its manifest's content: equal digests have equal files."""
    folder: Path
    """The Bento."""

    @property
    def source(self) -> Path:
        """The folder with services/, models/ and model/."""
        return self.folder / "src"


def package_folder(workspace: Workspace, tag: str) -> Path:
    """Where the store keeps the package of a tag, whether it is there or not."""
    name, _, version = tag.partition(":")
    return Path(workspace.environment()["BENTOML_HOME"]) / "bentos" / name / version


def bentoml_command(
    workspace: Workspace,
    home: Path,
    *arguments: str,
    python: str = sys.executable,
    more: Mapping[str, str] | None = None,
) -> list[str]:
    """A BentoML command whose state and temporary files stay in a folder of its own.

    Two of them must not share one: each server that starts empties the metrics of the others.
    """
    variables = {
        **workspace.environment(),
        "BENTOML_HOME": str(home / "bentoml"),
        "TMPDIR": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",  # a package is only read
        # The older of two ways to describe an image: for the newer one, pip installs uv into this very environment.
        "BENTOML_ENABLE_FEATURES": "no_image",
        **(more or {}),
    }
    public = os.environ.get("ASSAY_PUBLIC_KEY")
    if public:  # a server works in the folder of its package
        variables["ASSAY_PUBLIC_KEY"] = str(Path(public).resolve())
    return [
        "env",
        *(f"{name}={value}" for name, value in variables.items()),
        python,
        "-m",
        "bentoml",
        *arguments,
    ]


def verify_package(workspace: Workspace, tag: str, *, digest: str | None = None) -> Package:
    """The package, after each of its files was compared with the manifest.

    Args:
        workspace: where its store is.
        tag: the package.
        digest: that of the ledger; any by default.

    Raises:
        IntegrityError: when a file is missing, added or not what was packaged; the message names it.
        AssayError: when there is no such package.
    """
    folder = package_folder(workspace, tag)
    if not folder.is_dir():
        raise AssayError(f"no package {tag} in {folder.parents[1]}", _MEND)
    if not (folder / "bento.yaml").is_file():
        raise _damaged(folder, "bento.yaml", tag, "is missing")
    package = Package(tag=tag, digest=check_files(folder / "src", tag), folder=folder)
    if digest not in (None, package.digest):
        raise IntegrityError(
            f"package {tag} in {folder} is not the one of the ledger (digest {package.digest[:12]}, not "
            f"{str(digest)[:12]})", _MEND,
        )  # fmt: skip
    return package


def discard_package(workspace: Workspace, tag: str) -> Path | None:
    """Take a package out of the store, whole or damaged, and keep it beside for whoever wants to know why.

    Returns:
        Where it is now; None when there was none.
    """
    folder = package_folder(workspace, tag)
    if not folder.exists():
        return None
    kept = workspace.home / "discarded" / f"{tag.replace(':', '-')}-{uuid.uuid4().hex[:8]}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(kept)
    return kept


def check_files(source: Path, tag: str) -> str:
    """Compare a package's source with its manifest.

    Returns:
        The digest of the manifest's content.

    Raises:
        IntegrityError: when a file is missing, added or not what was packaged; the message names it.
    """
    try:
        document = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
        recorded = str(document.pop("digest"))
        files = dict(document["files"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(source.parent, f"src/{MANIFEST}", tag, "is missing or no manifest") from error
    if value_digest(document) != recorded:
        raise _damaged(source.parent, f"src/{MANIFEST}", tag, "is not what was packaged")
    for name, digest in files.items():
        if not (source / name).is_file():
            raise _damaged(source.parent, f"src/{name}", tag, "is missing")
        if file_sha256(source / name) != digest:
            raise _damaged(source.parent, f"src/{name}", tag, "is not what was packaged")
    for file in source.rglob("*"):
        # One file more is a danger too: a `torch.py` here would be imported in place of torch.
        name = str(file.relative_to(source))
        known = name in {*files, MANIFEST, SIGNATURE, "bentofile.yaml"} or "__pycache__" in file.parts
        if file.is_file() and not known:
            raise _damaged(source.parent, f"src/{name}", tag, "was not packaged")
    return recorded


def _damaged(folder: Path, file: str, tag: str, what: str) -> IntegrityError:
    return IntegrityError(f"package {tag}: {folder / file} {what}", _MEND)


@contextmanager
def served(
    workspace: Workspace,
    tag: str,
    port: int | None = None,
    *,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Check a package and serve it, on this machine only, while the block runs.

    Args:
        workspace: where its store is; the server's log goes to `logs/` there.
        tag: the package.
        port: the port; a free one when none is given.
        python: the interpreter, whose environment has what the package requires.
        environment: variables for the server.

    Yields:
        The server's URL, once it is ready to answer.

    Raises:
        IntegrityError: when the package is damaged.
        AssayError: when there is none, the port is taken, or the server does not start; the log is named.
    """
    package = verify_package(workspace, tag)
    for cache in list(package.source.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)  # Python would believe it, whatever the sources say
    if port is None:
        port = free_port()
    else:
        check_port_is_free(port)
    home = workspace.home / "serving" / str(port)
    home.mkdir(parents=True, exist_ok=True)
    log = serving_log(workspace, tag)
    arguments = ["--host", LOCALHOST, "--port", str(port), "--timeout-graceful-shutdown", str(_LAST_REQUESTS_S)]
    command = bentoml_command(
        workspace, home, "serve", str(package.folder), *arguments, python=python, more=environment
    )
    workers: list[psutil.Process] = []
    try:
        # From its own source, so that no module in the user's folder stands in for one of the package's.
        with running(command, log=log, cwd=package.source) as child:
            try:
                wait_until_answers(f"http://{LOCALHOST}:{port}/readyz", child, log=log)
            except (AssayError, httpx.HTTPError) as error:
                raise AssayError(f"package {tag} does not start: the reason is at the end of {log}") from error
            workers = psutil.Process(child.pid).children(recursive=True)
            yield f"http://{LOCALHOST}:{port}"
    finally:
        # Each worker leads a session of its own: it outlives a supervisor that was killed, and would keep the port.
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.kill()
        shutil.rmtree(home, ignore_errors=True)


def serving_log(workspace: Workspace, tag: str) -> Path:
    """Where the servers of a package write."""
    return workspace.home / "logs" / f"serve-{tag.replace(':', '-')}.log"


def is_alive(url: str) -> bool:
    """Whether a server answers; one that is busy may take its time."""
    try:
        return httpx.get(f"{url}/livez", timeout=_ANSWER_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def request(url: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ask a server for predictions.

    Args:
        url: the server, as `served` yields it.
        items: one mapping for each image: `image` (rows of pixels) and each condition.

    Returns:
        `predictions`, in the order of the items, and `model`.

    Raises:
        AssayError: with the server's own line when it refuses the request, or when nothing useful answers.
    """
    # Not by httpx's `json=`, which raises on NaN by itself: the server names the pixel.
    body = json.dumps({"images": list(items)}).encode()
    try:
        with httpx.Client(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:  # no proxy stands before this machine
            answer = client.post(f"{url}/predict", content=body, headers={"Content-Type": "application/json"})
        document = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise AssayError(f"{url} gave no answer ({error or type(error).__name__}): is it served?") from error
    if answer.status_code != httpx.codes.OK:
        line = document.get("error") if isinstance(document, dict) else document
        raise AssayError(f"{url} answered {answer.status_code}: {line}")
    return dict(document)
