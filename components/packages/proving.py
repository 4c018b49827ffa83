"""Prove a package before it is promoted: served as it will be, it must answer its golden inputs as it was trained to.

    proof = prove_package(workspace, package.tag, tolerance=1e-3)
    proof = prove_package(workspace, package.tag, tolerance=1e-3, strict=True)    # from a new virtual environment

The serving processes must import nothing of the pipeline; Python itself tells what they import.
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.core import AssayError, RefusedError, Workspace
from components.packages.files import GOLDEN, Package, verify_package
from components.packages.serving import request, served, serving_log

PIPELINE = ("mlflow", "prefect", "dvc", "optuna", "great_expectations", "galsim", "components", "flows")
"""Packages that nothing which serves may need."""
_INSTALL_TIMEOUT_S = 1800


def prove_package(workspace: Workspace, tag: str, *, tolerance: float, strict: bool = False) -> dict[str, Any]:
    """Start a package as it will be served, and replay its golden inputs over HTTP.

    Args:
        workspace: where its store is.
        tag: the package.
        tolerance: largest difference allowed of a value or an error, in units of the recorded error.
        strict: whether to serve it from a new virtual environment that has what the package requires, and no more.

    Returns:
        `tag`, `digest`, `max_difference` (in the same units), `inputs`, their number, and `strict`.

    Raises:
        RefusedError: when an answer differs, or the pipeline was imported; the message names what.
        AssayError: when the package is damaged or does not start.
    """
    from safetensors.numpy import load_file

    package = verify_package(workspace, tag)
    config = json.loads((package.model / "model.json").read_text(encoding="utf-8"))["estimator"]
    expected = package.manifest["model"]
    golden = {name: array.tolist() for name, array in load_file(package.source / GOLDEN).items()}
    conditions = [condition["name"] for condition in config["conditions"]]
    items = [
        {"image": image, **dict(zip(conditions, values, strict=True))}
        for image, values in zip(golden["image"], golden["conditions"], strict=True)
    ]
    log = serving_log(workspace, tag)
    before = log.stat().st_size if log.exists() else 0
    with (
        _python(workspace, package, strict=strict) as python,
        served(workspace, tag, python=python, environment={"PYTHONPROFILEIMPORTTIME": "1"}) as url,
    ):
        answer = request(url, items)
    _refuse_pipeline(log, before, tag)
    if answer["model"] != expected:
        raise RefusedError(f"package {tag} is refused: it answers for {answer['model']}, not for {expected}")
    largest = 0.0
    for index, (prediction, values, errors) in enumerate(
        zip(answer["predictions"], golden["value"], golden["error"], strict=True)
    ):
        for output, value, error in zip(config["outputs"], values, errors, strict=True):
            given = prediction["parameters"][output["name"]]
            for part, recorded in (("value", value), ("error", error)):
                difference = abs(given[part] - recorded)
                if not difference <= tolerance * error:
                    raise RefusedError(
                        f"package {tag} is refused: {output['name']} of golden input {index} has the {part} "
                        f"{given[part]:.9g}, and {recorded:.9g} was recorded: "
                        f"delete {package.folder} and promote the model again"
                    )
                largest = max(largest, difference / error if error else 0.0)
    return {
        "tag": tag,
        "digest": package.digest,
        "max_difference": largest,
        "inputs": len(items),
        "strict": strict,
    }


def _refuse_pipeline(log: Path, start: int, tag: str) -> None:
    """Raise when the serving processes imported a part of the pipeline, by what Python wrote into their log."""
    with log.open("rb") as file:
        file.seek(start)
        said = file.read().decode(errors="replace")
    imported = set(re.findall(r"^import time:.*\|\s+(\w+)", said, flags=re.MULTILINE))
    if "bentoml" not in imported:
        raise AssayError(f"package {tag}: {log} does not say what was imported, so nothing is proved: prove it again")
    found = sorted(imported & set(PIPELINE))
    if found:
        raise RefusedError(f"package {tag} is refused: its service imports {', '.join(found)}: see {log}")


@contextmanager
def _python(workspace: Workspace, package: Package, *, strict: bool) -> Iterator[str]:
    """This interpreter; strictly, that of an environment made for the occasion."""
    if not strict:
        yield sys.executable
        return
    requirements = package.folder / "env" / "python" / "requirements.txt"
    with tempfile.TemporaryDirectory(dir=workspace.home, prefix="strict-") as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        try:
            done = subprocess.run(
                [
                    python,
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--no-cache-dir",
                    "-r",
                    str(requirements),
                ],
                capture_output=True,
                text=True,
                timeout=_INSTALL_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise AssayError(f"{requirements} was not installed within {_INSTALL_TIMEOUT_S} s: repeat") from error
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise AssayError(f"{requirements} cannot be installed ({last}): repeat, or leave out --strict")
        yield python
