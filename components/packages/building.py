"""The package of a model version: a Bento with the service, the network's code, its weights and golden inputs.

    package = build_package(workspace, model_folder=folder, version=3, golden_inputs=inputs, tested_range=region,
                            lineage={"data_md5": …, "git_commit": …})

It lies in the workspace's own Bento store, where `bentoml list` and `bentoml serve` find it. Its manifest,
`model/package.json`, lists the SHA-256 of every file that takes part in an answer. How it is checked stands in
`files.py`, how it is served in `serving.py`, how it is proved in `proving.py`.
"""

import json
import shutil
import subprocess
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
    code_of,
    die_with_parent,
    file_sha256,
    imported_files,
)
from components.fields import SEEN
from components.packages.files import GOLDEN, Package, check_files, discard_package, package_folder, verify_package
from components.packages.golden import make_golden, write_golden
from components.packages.serving import bentoml_command
from components.packages.signing import sign
from services.manifest import MANIFEST, MODEL, SIGNATURE, manifest_digest

if TYPE_CHECKING:
    from models.estimators import Estimator
    from models.fields import Arrays

# BentoML adds the line with its own version itself.
_REQUIREMENTS = ("torch", "numpy", "scipy", "safetensors", "pydantic", "cryptography")
_BUILD_TIMEOUT_S = 600


def build_package(
    workspace: Workspace,
    *,
    model_folder: Path,
    version: int,
    lineage: Mapping[str, str],
    tested_range: Mapping[str, Any],
    golden_inputs: "Arrays",
) -> Package:
    """Build the package of a model version, or return the one that is there.

    It appears in the store whole and in one step, so that a build which was killed leaves nothing behind it.

    Args:
        workspace: where its store is.
        model_folder: the trained network, as `models.estimators.saved.save_model` left it; its description names the
            `problem`.
        version: version of the registered model.
        lineage: `data_md5` of the dataset and `git_commit` of the code.
        tested_range: where the model was found reliable.
        golden_inputs: what the package is proved with, by field.

    Raises:
        IntegrityError: when the model is damaged.
        AssayError: when it cannot be built; then nothing is left in the store.
    """
    from safetensors import SafetensorError

    from models.estimators import DamagedModelError, load_model

    try:
        estimator, description = load_model(model_folder)
    except DamagedModelError as error:
        raise IntegrityError(f"{error}: train the model again") from error
    if "problem" not in description:
        raise AssayError(f"{model_folder}/model.json has no problem: add it")
    weights_sha256 = description["weights_sha256"]
    tag = f"{description['problem']}:v{version}-{weights_sha256[:12]}"
    about = {
        "problem": description["problem"],
        "version": version,
        "weights_sha256": weights_sha256,
        "data_md5": lineage["data_md5"],
        "git_commit": lineage["git_commit"],
        "package": tag,
    }
    # Context, BentoML's own copy and the store's copy of it exist at the same time.
    workspace.prepare(need_bytes=20_000_000 + 3 * sum(file.stat().st_size for file in model_folder.iterdir()))
    builds = workspace.home / "build"
    target = package_folder(workspace, tag)
    with FileLock(workspace.home / "build.lock"):
        shutil.rmtree(builds, ignore_errors=True)  # what a killed build left: nobody else can be building now
        with suppress(IntegrityError):  # a damaged one is built again: the ledger knows the digest that it must have
            if target.exists():
                package = verify_package(workspace, tag)
                _sign(package.source)  # the key may be newer than the package
                return package
        discard_package(workspace, tag)
        try:
            builds.mkdir(exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=builds))
            context = _lay_context(scratch / "context", model_folder, estimator.config, tested_range)
            write_golden(make_golden(estimator, golden_inputs, tested_range), context / GOLDEN)
            _write_manifest(context, about, estimator)
            built = _run_bentoml(workspace, scratch, tag)
            check_files(built / "src", tag)
            target.parent.mkdir(parents=True, exist_ok=True)
            built.rename(target)
            # BentoML remembers here which version is the newest, and finds it anew when the file is gone.
            (target.parent / "latest").unlink(missing_ok=True)
        except (OSError, SafetensorError) as error:
            raise AssayError(f"package {tag} was not built: {error}: see that {workspace.home} has space") from error
        finally:
            shutil.rmtree(builds, ignore_errors=True)
    return verify_package(workspace, tag)


def changed_code(package: Package) -> list[str]:
    """What of a package's code would answer otherwise today, by its labels; empty when nothing would.

    Of a package from before code had labels nobody can tell, so that all of it counts as changed.
    """
    recorded: Mapping[str, str] = package.manifest.get("code", {})
    description = json.loads((package.model / "model.json").read_text(encoding="utf-8"))
    try:
        today = _answering_code(description["estimator"])
    except ValueError:  # its kind or its network is no more
        return ["estimator"]
    return [label for label in {**recorded, **today} if recorded.get(label) != today.get(label)]


def _answering_code(config: Mapping[str, Any]) -> Mapping[str, str]:
    from models.estimators import answering_modules

    return code_of(*answering_modules(config), root=HOUSE).digests


def _lay_context(context: Path, model_folder: Path, config: Mapping[str, Any], tested_range: Mapping[str, Any]) -> Path:
    """Lay out a package's source: the service, the code that this one model needs, and the model."""
    from models.estimators import NoCompilerError, answering_modules, place_compiled

    for file in imported_files("services.service", *answering_modules(config), root=HOUSE):
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
    (context / MODEL / "tested_range.json").write_text(region, encoding="utf-8")
    return context


def _write_manifest(context: Path, about: Mapping[str, Any], estimator: "Estimator") -> None:
    files = {str(file.relative_to(context)): file_sha256(file) for file in sorted(context.rglob("*")) if file.is_file()}
    document = {
        "model": about,
        "files": files,
        "code": dict(_answering_code(estimator.config)),
        "inputs": [field.as_json() for field in estimator.inputs],
        "outputs": [field.as_json() for field in estimator.outputs],
    }
    text = json.dumps({**document, "digest": manifest_digest(document)}, indent=1, sort_keys=True)
    content = (text + "\n").encode()
    (context / MANIFEST).write_bytes(content)
    _sign(context)


def _sign(source: Path) -> None:
    """Lay a signature beside the manifest, where there is a key; the same key makes the same one."""
    signature = sign((source / MANIFEST).read_bytes())
    if signature is not None and not ((source / SIGNATURE).exists() and (source / SIGNATURE).read_bytes() == signature):
        partial = source.parent / "package.sig.partial"  # a kill must not leave a file more among those of the package
        partial.write_bytes(signature)
        partial.replace(source / SIGNATURE)


def _run_bentoml(workspace: Workspace, scratch: Path, tag: str) -> Path:
    name, _, version = tag.partition(":")
    options = {
        "service": "services.service:Predictor",
        "name": name,
        # In a container the outside is another machine; outside of one the service listens on 127.0.0.1.
        "envs": [{"name": "BENTOML_HOST", "value": "0.0.0.0"}],  # noqa: S104
        "python": {
            "packages": [f"{package}=={installed(package).partition('+')[0]}" for package in _REQUIREMENTS],
            "lock_packages": False,
        },
    }
    (scratch / "bentofile.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    # A process of its own: a build imports the service, changes the working folder, and keeps the store it saw first.
    try:
        done = subprocess.run(
            bentoml_command(workspace, scratch, "build", "context", "-f", "bentofile.yaml", "--version", version),
            cwd=scratch,
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
