"""The package of a model version: a Bento with the service, the network's code, its weights and golden inputs.

    package = build_package(workspace, model_folder=folder, version=3, golden_inputs=inputs, tested_range=region,
                            lineage={"data_md5": …, "git_commit": …})

It lies in the workspace's own Bento store, where `bentoml list` and `bentoml serve` find it. `SHA256SUMS` lists every
file of it, and its tag follows from what is in it: the same model makes the same list at any time on one machine, and
what differs in anything lies beside it, under another tag. How it is checked stands in `files.py`, how it is signed in
`signing.py`, how it is served in `serving.py`, how it is proved in `proving.py`.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version as installed
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock

from components.core import (
    HOUSE,
    AssayError,
    IntegrityError,
    Workspace,
    die_with_parent,
    file_sha256,
    imported_files,
    value_digest,
)
from components.fields import SEEN
from components.packages.answering import REQUIRED, TESTED_RANGE, answering_code, requirements
from components.packages.archives import place_package
from components.packages.files import GOLDEN, Package, open_package, verify_package
from components.packages.golden import make_golden, write_golden
from components.packages.materials import BILL, bill_of_materials
from components.packages.serving import bentoml_environment
from services.manifest import MANIFEST, MODEL
from services.verify import SUMS, sums

if TYPE_CHECKING:
    from models.estimators import Estimator
    from models.fields import Arrays

_BUILD_TIMEOUT_S = 600
_TIME = re.compile(r"^creation_time: .*$", re.MULTILINE)
_NO_TIME = "creation_time: '1980-01-01T00:00:00+00:00'"


def build_package(
    workspace: Workspace,
    *,
    model_folder: Path,
    version: int,
    lineage: Mapping[str, str],
    tested_range: Mapping[str, Any],
    golden_inputs: "Arrays",
) -> Package:
    """Build the package of a model version, of this code and nothing that lies about.

    It appears in the store whole and in one step, so that a build which was killed leaves nothing behind it. What else
    lies there under its name is put aside: whoever made it, it was not this house.

    Args:
        workspace: where its store is.
        model_folder: the trained network, as `models.estimators.saved.save_model` left it; its description names the
            `problem`.
        version: version of the registered model.
        lineage: `data_md5` of the dataset that it was trained on, and `git_commit` of the code that is packaged.
        tested_range: where the model was found reliable.
        golden_inputs: what the package is proved with, by field.

    Raises:
        IntegrityError: when the model is damaged.
        AssayError: when it cannot be built; then nothing is left in the store.
    """
    from safetensors import SafetensorError

    from models.descriptions import DamagedModelError
    from models.estimators import load_model

    try:
        estimator, description = load_model(model_folder)
    except DamagedModelError as error:
        raise IntegrityError(f"{error}: train the model again") from error
    if "problem" not in description:
        raise AssayError(f"{model_folder}/model.json has no problem: add it")
    about = {
        "problem": description["problem"],
        "version": version,
        "weights_sha256": description["weights_sha256"],
        "data_md5": lineage["data_md5"],
        "git_commit": lineage["git_commit"],
    }
    what = f"package of {about['problem']} version {version}"
    # Context, BentoML's own copy and the store's copy of it exist at the same time.
    workspace.prepare(need_bytes=20_000_000 + 3 * sum(file.stat().st_size for file in model_folder.iterdir()))
    builds = workspace.home / "build"
    with FileLock(workspace.home / "build.lock"):
        shutil.rmtree(builds, ignore_errors=True)  # what a killed build left: nobody else can be building now
        try:
            builds.mkdir(exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=builds))
            context = _lay_context(scratch / "context", model_folder, estimator.config, tested_range)
            write_golden(make_golden(estimator, golden_inputs, tested_range), context / GOLDEN)
            tag = f"{about['problem']}:v{version}-{_name(context, about)}"
            about["package"] = tag
            _write_json(context / MANIFEST, _manifest(about, estimator))
            _write_json(context / BILL, bill_of_materials(about, (*REQUIRED, "bentoml")))
            built = _run_bentoml(workspace, scratch, tag)
            _take_time_away(built / "bento.yaml")
            (built / SUMS).write_text(sums(built), encoding="utf-8")
            place_package(workspace, open_package(built, tag))
        except (OSError, SafetensorError) as error:
            raise AssayError(f"the {what} was not built: {error}: see that {workspace.home} has space") from error
        finally:
            shutil.rmtree(builds, ignore_errors=True)
    return verify_package(workspace, tag)


def _name(context: Path, about: Mapping[str, Any]) -> str:
    """What a package is called after its version: it follows from all that is laid out for it."""
    files = (file for file in context.rglob("*") if file.is_file())
    laid = {file.relative_to(context).as_posix(): file_sha256(file) for file in files}
    tools = {name: installed(name) for name in (*REQUIRED, "bentoml")}
    return value_digest({"files": laid, "about": dict(about), "tools": tools})[:12]


def _lay_context(context: Path, model_folder: Path, config: Mapping[str, Any], tested_range: Mapping[str, Any]) -> Path:
    """Lay out a package's source: the service, the code that this one model needs, and the model."""
    from models.estimators import NoCompilerError, answering_modules, place_compiled

    for file in imported_files("services.service", "services.alone", *answering_modules(config), root=HOUSE):
        target = context / file.relative_to(HOUSE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    try:
        place_compiled(context)  # it needs no compiler where it answers
    except NoCompilerError as error:
        raise AssayError(f"the package was not built: {error}") from error
    (context / MODEL).mkdir()
    for name in ("model.json", "weights.safetensors", SEEN):
        if name != SEEN or (model_folder / name).exists():  # what it learned from, so that this copy can be judged too
            shutil.copyfile(model_folder / name, context / MODEL / name)
    region = json.dumps(tested_range, indent=1) + "\n"
    (context / TESTED_RANGE).write_text(region, encoding="utf-8")
    return context


def _manifest(about: Mapping[str, Any], estimator: "Estimator") -> dict[str, Any]:
    return {
        "model": about,
        "code": dict(answering_code(estimator.config)),
        "inputs": [field.as_json() for field in estimator.inputs],
        "outputs": [field.as_json() for field in estimator.outputs],
    }


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _take_time_away(described: Path) -> None:
    """Set the time of building to a fixed one, so that a package that is built again is the same to the byte."""
    text = described.read_text(encoding="utf-8")
    changed, count = _TIME.subn(_NO_TIME, text)
    if count != 1:
        raise AssayError(f"{described} has no creation_time: this BentoML describes packages otherwise")
    described.write_text(changed, encoding="utf-8")


def _run_bentoml(workspace: Workspace, scratch: Path, tag: str) -> Path:
    name, _, version = tag.partition(":")
    options = {
        "service": "services.service:Service",
        "name": name,
        # In a container the outside is another machine; outside of one the service listens on 127.0.0.1.
        "envs": [
            {"name": "BENTOML_HOST", "value": "0.0.0.0"},  # noqa: S104
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},  # a package is only read
        ],
        "python": {
            "packages": requirements(),
            "lock_packages": False,
        },
    }
    (scratch / "bentofile.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    # A process of its own: a build imports the service, changes the working folder, and keeps the store it saw first.
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bentoml", "build", "context", "-f", "bentofile.yaml", "--version", version],
            cwd=scratch,
            env=bentoml_environment(workspace, scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssayError(
            f"package {tag} was not built: bentoml build took over {_BUILD_TIMEOUT_S} s: repeat"
        ) from error
    built = scratch / "bentoml" / "bentos" / name / version
    if done.returncode or not built.is_dir():
        log = workspace.home / "logs" / f"build-{name}-{version}.log"
        with suppress(OSError):  # on a full disk the line below must do
            log.parent.mkdir(exist_ok=True)
            log.write_text(done.stdout, encoding="utf-8")
        last = (done.stdout.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise AssayError(f"package {tag} was not built: bentoml build said: {shorten(last, 160)}: see {log}")
    return built
