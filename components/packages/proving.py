"""Prove a package before it is promoted: served as it will be, it must answer its golden inputs as it was trained to.

    proof = prove_package(workspace, package.tag)
    proof = prove_package(workspace, package.tag, strict=True)    # from a new virtual environment

The serving processes must import nothing of the pipeline; Python itself tells what they import.
"""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError, RefusedError, Workspace, scratch_folder
from components.packages.files import GOLDEN, Package, verify_package
from components.packages.golden import Golden, read_golden, request_items
from components.packages.same_answers import all_alike, allowed
from components.packages.serving import TRAIN_AGAIN, request, served
from models.fields import Field, field, in_numbers
from services.records import NOT_RECORDED

PIPELINE = ("mlflow", "prefect", "dvc", "optuna", "great_expectations", "galsim", "components", "flows")
"""Packages that nothing which serves may need."""
_INSTALL_TIMEOUT_S = 1800


def prove_package(workspace: Workspace, tag: str, *, strict: bool = False) -> dict[str, Any]:
    """Start a package as it will be served, replay its golden inputs over HTTP, and compare the whole answers.

    Every output is compared by its own tolerance (`models/fields.py`), and whether and why an answer is doubted.

    Args:
        workspace: where its store is.
        tag: the package.
        strict: whether to serve it from a new virtual environment that has what the package requires, and no more.

    Returns:
        `tag`, `digest`, `max_difference` (the largest, of what its field allows), `inputs`, their number, and `strict`.

    Raises:
        RefusedError: when an answer differs, or the pipeline was imported; the message names what.
        AssayError: when the package is damaged or does not start.
    """
    package = verify_package(workspace, tag)
    if "outputs" not in package.manifest:
        raise AssayError(f"package {tag} is from before answers had named fields: {TRAIN_AGAIN}")
    # Python tells each import in a line, which nobody wants to find in the log of a server.
    log = workspace.home / "logs" / f"prove-{tag.replace(':', '-')}-{os.getpid()}.log"
    log.unlink(missing_ok=True)
    telling = {"PYTHONPROFILEIMPORTTIME": "1"}
    with (
        _python(workspace, package, strict=strict) as python,
        served(workspace, package, python=python, environment=telling, log=log) as url,
    ):
        try:
            largest = replay(package, url)
        except RefusedError:
            log.unlink()  # it says nothing of answers
            raise
    _refuse_pipeline(log, tag)
    log.unlink()
    return {
        "tag": tag,
        "digest": package.digest,
        "max_difference": largest,
        "inputs": len(read_golden(package.source / GOLDEN).doubts),
        "strict": strict,
    }


def replay(package: Package, url: str, *, override: str | None = None) -> float:
    """Ask a server for a package's golden inputs, and compare the whole answers with what was recorded.

    Args:
        package: whose server it is.
        url: where it answers.
        override: what it is to say of gates that were overruled.

    Returns:
        The largest difference, of what its field allows.

    Raises:
        RefusedError: when an answer differs; the message names what.
        AssayError: when the server does not answer.
    """
    golden = read_golden(package.source / GOLDEN)
    answer = request(url, request_items(golden.inputs), headers={NOT_RECORDED: "no"})
    model = {**package.manifest["model"], **({} if override is None else {"override": override})}
    if answer["model"] != model:
        raise RefusedError(f"package {package.tag} is refused: it answers for {answer['model']}, not for {model}")
    units = {document["name"]: document["unit"] for document in package.manifest["outputs"]}
    if answer["units"] != units:
        raise _otherwise(package, f"its units are {answer['units']}", units)
    outputs = [field(document) for document in package.manifest["outputs"]]
    predictions = [_numbered(prediction, outputs) for prediction in answer["predictions"]]
    _check_names(package, predictions, len(golden.doubts))
    largest = max(_largest_difference(package, output, golden, predictions) for output in outputs)
    _compare_doubts(package, golden, predictions)
    return largest


def _numbered(prediction: Mapping[str, Any], outputs: Sequence[Field]) -> dict[str, Any]:
    """A prediction with its words as the numbers that they stand for."""
    answer = dict(prediction["answer"])
    for output in outputs:
        if output.name in answer:
            (answer[output.name],) = in_numbers(output, [answer[output.name]])
    return {**prediction, "answer": answer}


def _check_names(package: Package, predictions: Sequence[Mapping[str, Any]], count: int) -> None:
    """That every image is answered, with each output and nothing else, as numbers in its shape."""
    shapes = {output["name"]: tuple(output["shape"]) for output in package.manifest["outputs"]}
    if len(predictions) != count:
        raise _otherwise(package, f"{len(predictions)} golden inputs are answered", count)
    for index, prediction in enumerate(predictions):
        found = {name: _shape(value) for name, value in prediction["answer"].items()}
        for name in {**shapes, **found}:
            if found.get(name) != shapes.get(name):
                said = f"{name} of golden input {index} has the shape {found.get(name, 'of nothing')}"
                raise _otherwise(package, said, shapes.get(name, "no such output"))


def _shape(value: Any) -> tuple[int, ...] | str:
    """Of nested lists of numbers; JSON's text, true, null and rows of different lengths are none."""
    try:
        array = np.array(value)
    except ValueError:
        return "of uneven rows"
    return array.shape if array.dtype.kind in "if" else "of no numbers"


def _largest_difference(
    package: Package, output: Field, golden: Golden, predictions: Sequence[Mapping[str, Any]]
) -> float:
    """Of one output from what was recorded, over what is allowed; refused when it is more."""
    recorded = golden.outputs[output.name].astype(np.float64)
    given = np.array([prediction["answer"][output.name] for prediction in predictions], dtype=np.float64)
    most, difference = allowed(output, golden.outputs), np.abs(given - recorded)
    wrong = np.argwhere(~(difference <= most))
    if len(wrong):
        place = tuple(wrong[0])
        raise _otherwise(package, f"{output.name} of golden input {place[0]} is {given[place]:.9g}", recorded[place])
    return float(np.max(np.divide(difference, most, out=np.zeros_like(difference), where=most > 0)))


def _compare_doubts(package: Package, golden: Golden, predictions: Sequence[Mapping[str, Any]]) -> None:
    """That the same answers are doubted, each for the same reasons; what is measured in them may differ a little."""
    for index, (prediction, recorded) in enumerate(zip(predictions, golden.doubts, strict=True)):
        given, tested = list(prediction["doubts"]), prediction["in_tested_range"]
        if tested is not (not recorded) or not all_alike(given, recorded):
            said = f"golden input {index} is {'in the tested range' if tested else 'doubted'} for {given}"
            raise _otherwise(package, said, recorded)


def _otherwise(package: Package, said: str, recorded: Any) -> RefusedError:
    shown = f"{recorded:.9g}" if isinstance(recorded, float) else recorded
    return RefusedError(
        f"package {package.tag} is refused: {said}, and {shown} was recorded: delete {package.folder} and promote the "
        "model again"
    )


def _refuse_pipeline(log: Path, tag: str) -> None:
    """Raise when the serving processes imported a part of the pipeline, by what Python wrote into their log."""
    said = log.read_text(encoding="utf-8", errors="replace")
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
    with scratch_folder(workspace) as folder:
        venv.create(folder, with_pip=True)
        python = str(folder / "bin" / "python")
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
