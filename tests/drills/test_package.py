"""Packages with real builds: what is in them, built once, damaged, and killed half-way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from components.core.errors import AssayError, IntegrityError
from components.core.workspace import Workspace
from components.packages.answering import what_answers, what_answers_in
from components.packages.archives import pack_package, pack_signature, unpack_package
from components.packages.files import Package, discard_package, verify_package
from components.packages.proving import prove_package
from models.galaxies.fitting import library
from services.verify import PROVENANCE, SUMS, check_files, check_signature, sums
from tests.conftest import HOUSE
from tests.drills.packages import LINEAGE, build, golden_inputs, new_workspace, stored
from tests.estimators import TESTED_RANGE
from tests.keys import keys

pytestmark = pytest.mark.usefixtures("no_trace")


def test_a_package_holds_what_it_needs_and_says_where_it_is_from(built: tuple[Workspace, Package]) -> None:
    workspace, package = built
    document = json.loads((package.source / "model" / "package.json").read_text())
    weights = document["model"]["weights_sha256"]
    assert re.fullmatch(r"galaxy-shape:v3-[0-9a-f]{12}", package.tag)
    assert document["model"] == LINEAGE | {
        "problem": "galaxy-shape",
        "version": 3,
        "weights_sha256": weights,
        "package": package.tag,
    }
    listed = {line.partition("  ")[2] for line in (package.folder / SUMS).read_text().splitlines()}
    assert {"bento.yaml", "env/python/requirements.txt", "env/docker/Dockerfile", "src/bentofile.yaml"} <= listed
    files = {name.removeprefix("src/") for name in listed if name.startswith("src/")} - {"bentofile.yaml"}
    fitting = {name for name in files if name.startswith("models/galaxies/fitting/")}
    assert {"models/galaxies/fitting/search.c", "models/galaxies/fitting/fit.h"} <= fitting
    assert len([name for name in fitting if name.endswith(".so")]) == 1, "what answers needs no compiler"
    assert {name for name in files if not name.endswith(".py")} - fitting == {
        "model/package.json",
        "model/model.json",
        "model/weights.safetensors",
        "bom.cdx.json",
        "model/golden.safetensors",
        "model/tested_range.json",
        "services/page.css",
        "services/page.html",
        "services/page.js",
    }
    code = {name for name in files if name.endswith(".py")}
    assert {"services/service.py", "models/estimators/estimator.py", "models/networks/cnn.py"} <= code
    assert not code & {"models/networks/residual.py", "models/networks/unet.py"}, "it has one network"
    assert {"estimator", "scoring", "cnn"} <= document["code"].keys()
    requirements = (package.folder / "env" / "python" / "requirements.txt").read_text().split()
    assert sorted(line.partition("==")[0] for line in requirements) == [
        "astropy",
        "bentoml",
        "cryptography",
        "numpy",
        "pyarrow",
        "pydantic",
        "safetensors",
        "scipy",
        "torch",
    ]
    assert "+" not in "".join(requirements)
    assert stored(workspace) == [package.folder.name]
    assert not (workspace.home / "build").exists()


def test_a_second_build_is_the_first(damaged: tuple[Workspace, Package]) -> None:
    """To the byte, whenever it is built; one that may be at work is left where it is."""
    workspace, package = damaged
    made = package.folder.stat().st_ctime_ns
    assert build(workspace) == package
    assert package.folder.stat().st_ctime_ns == made
    assert stored(workspace) == [package.folder.name]
    discard_package(workspace, package.tag)
    assert build(workspace) == package
    assert package.folder.stat().st_ctime_ns != made


def test_what_lies_in_the_store_is_not_signed_but_put_aside_and_built_anew(
    damaged: tuple[Workspace, Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, package = damaged
    private, public = keys(tmp_path / "ours")
    (package.source / "services" / "service.py").write_text("print('forged')\n")
    (package.folder / SUMS).write_text(sums(package.folder))
    forged = verify_package(workspace, package.tag)
    assert forged.digest != package.digest
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(private))
    built = build(workspace)
    assert built.digest == package.digest
    check_signature(built.folder, public)
    (kept,) = (workspace.home / "discarded").iterdir()
    assert check_files(kept) == forged.digest
    assert not (kept / PROVENANCE).exists()


def test_a_key_that_cannot_be_read_takes_no_package_away(
    damaged: tuple[Workspace, Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, package = damaged
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(tmp_path / "missing.key"))
    with pytest.raises(AssayError, match=r"ASSAY_SIGNING_KEY .*missing\.key cannot be read"):
        build(workspace)
    assert verify_package(workspace, package.tag) == package
    assert not (workspace.home / "discarded").exists()


@pytest.mark.parametrize(
    "name",
    [
        "model/weights.safetensors",
        "bom.cdx.json",
        "model/golden.safetensors",
        "model/tested_range.json",
        "model/package.json",
        "services/service.py",
        "models/networks/cnn.py",
    ],
)
def test_one_flipped_byte_is_found_and_named(damaged: tuple[Workspace, Package], name: str) -> None:
    workspace, package = damaged
    content = bytearray((package.source / name).read_bytes())
    content[len(content) // 2] ^= 1
    (package.source / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=f"/src/{name} is"):
        verify_package(workspace, package.tag)
    with pytest.raises(IntegrityError, match=f"/src/{name} is"):
        prove_package(workspace, package.tag)


def test_a_damaged_package_in_the_way_is_kept_aside_and_built_again(damaged: tuple[Workspace, Package]) -> None:
    workspace, package = damaged
    (package.source / "models" / "networks" / "cnn.py").write_text("")
    assert build(workspace) == package
    assert stored(workspace) == [package.folder.name]
    (kept,) = (workspace.home / "discarded").iterdir()
    assert (kept / "src" / "models" / "networks" / "cnn.py").read_text() == ""


def test_what_bentoml_wrote_around_the_source_belongs_to_the_package(damaged: tuple[Workspace, Package]) -> None:
    """It says which service is started, with which settings, from which versions of the libraries."""
    workspace, package = damaged
    for name, before, after in (
        ("bento.yaml", "host: 127.0.0.1", "host: 0.0.0.0"),
        ("env/python/requirements.txt", "torch==", "torch!="),
        ("src/bentofile.yaml", "services.service:Service", "services.service:Nobody"),
    ):
        file = package.folder / name
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))
        with pytest.raises(IntegrityError, match=f"/{name} is not what was packaged"):
            verify_package(workspace, package.tag)
        (package.folder / SUMS).write_text(sums(package.folder))
        with pytest.raises(IntegrityError, match="is not the one of the ledger"):
            verify_package(workspace, package.tag, digest=package.digest)
        file.write_text(text)
        (package.folder / SUMS).write_text(sums(package.folder))
    assert verify_package(workspace, package.tag, digest=package.digest) == package


@pytest.mark.parametrize("name", ["scipy", "models/__pycache__"])
def test_a_link_in_a_package_is_found_and_named(damaged: tuple[Workspace, Package], tmp_path: Path, name: str) -> None:
    """What it leads to would be imported, and is under no digest."""
    workspace, package = damaged
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(package.source / name, ignore_errors=True)
    (package.source / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=f"/src/{name} is a link"):
        verify_package(workspace, package.tag)


def test_a_file_more_or_less_is_found_and_named(damaged: tuple[Workspace, Package]) -> None:
    workspace, package = damaged
    (package.source / "torch.py").write_text("")
    with pytest.raises(IntegrityError, match=r"/src/torch\.py was not packaged"):
        verify_package(workspace, package.tag)
    (package.source / "torch.py").unlink()
    (package.source / "models" / "networks" / "cnn.py").unlink()
    with pytest.raises(IntegrityError, match=r"/src/models/networks/cnn\.py is missing"):
        verify_package(workspace, package.tag)
    with pytest.raises(AssayError, match="no package galaxy-shape:v9-none in "):
        verify_package(workspace, "galaxy-shape:v9-none")


def test_a_full_disk_leaves_no_half_package(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    library()  # it is there already, as on any machine that trained a model
    code = f"""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # too small for the weights
        from components.core.errors import AssayError
        from tests.drills.packages import Path, Workspace, build
        try:
            build(Workspace(root=Path({str(tmp_path)!r}), home=Path({str(workspace.home)!r})))
        except AssayError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=HOUSE, timeout=60
    )
    assert "was not built: [Errno 27] File too large" in done.stdout, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert not (workspace.home / "bentoml").exists()
    assert not (workspace.home / "build").exists()


@pytest.mark.parametrize("stage", ["context/model/package.json", "bentoml/bentos/*/*"])
def test_a_build_that_is_killed_can_be_repeated(tmp_path: Path, stage: str) -> None:
    workspace = new_workspace(tmp_path)
    code = (
        "from tests.drills.packages import Path, Workspace, build\n"
        f"build(Workspace(root=Path({str(tmp_path)!r}), home=Path({str(workspace.home)!r})))"
    )
    first = subprocess.Popen([sys.executable, "-c", code], cwd=HOUSE)
    deadline = time.monotonic() + 60
    while not list((workspace.home / "build").glob(f"*/{stage}")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    package = build(workspace)
    assert stored(workspace) == [package.folder.name]
    assert not (workspace.home / "build").exists()


def test_what_answers_is_the_same_until_code_weights_region_or_what_it_is_asked_change(
    damaged: tuple[Workspace, Package],
) -> None:
    package, asked = damaged[1], golden_inputs()
    config = json.loads((package.model / "model.json").read_text())["estimator"]
    weights = str(package.manifest["model"]["weights_sha256"])
    judged = what_answers(config, weights, TESTED_RANGE, asked)
    assert what_answers_in(package) == judged
    assert what_answers(config, "0" * 64, TESTED_RANGE, asked) != judged
    assert what_answers(config, weights, TESTED_RANGE | {"snr": [0, 1]}, asked) != judged
    assert what_answers(config, weights, TESTED_RANGE, {name: array[:-1] for name, array in asked.items()}) != judged
    assert what_answers(config, weights, TESTED_RANGE, asked | {"sigma": asked["sigma"] * 1.001}) != judged
    code = {**package.manifest["code"], "cnn": "another"}
    assert what_answers_in(replace(package, manifest={**package.manifest, "code": code})) != judged
    asks = package.folder / "env" / "python" / "requirements.txt"
    kept = asks.read_text()
    asks.write_text(kept.replace("torch==", "torch==1."))
    assert what_answers_in(package) != judged
    asks.write_text(kept)
    assert what_answers_in(package) == judged
    (package.source / "services" / "service.py").write_text("print('never doubts')\n")
    assert what_answers_in(package) != judged


def test_a_package_that_is_packed_and_unpacked_elsewhere_is_the_same_to_the_byte(
    built: tuple[Workspace, Package], tmp_path: Path
) -> None:
    workspace, package = built
    packed = [pack_package(package, folder) for folder in (new_folder(tmp_path / "a"), new_folder(tmp_path / "b"))]
    assert packed[0].read_bytes() == packed[1].read_bytes()
    assert pack_signature(package, tmp_path) is None
    elsewhere = Workspace(root=workspace.root, home=new_folder(tmp_path / "elsewhere"))
    there = unpack_package(elsewhere, package.tag, package.digest, packed[0])
    assert there.digest == package.digest
    assert there.folder.is_relative_to(elsewhere.home)


@pytest.mark.parametrize("how", ["another", "half", "outside"])
def test_an_archive_that_is_not_the_package_is_refused_and_leaves_nothing(
    built: tuple[Workspace, Package], tmp_path: Path, how: str
) -> None:
    workspace, package = built
    archive = pack_package(package, tmp_path)
    wanted = package.digest
    if how == "another":
        wanted = "0" * 64
    elif how == "half":
        archive.write_bytes(archive.read_bytes()[:100_000])
    else:
        with tarfile.open(archive, "w") as opened:
            opened.addfile(tarfile.TarInfo("../../outside"))
    elsewhere = Workspace(root=workspace.root, home=new_folder(tmp_path / "elsewhere"))
    with pytest.raises(IntegrityError):
        unpack_package(elsewhere, package.tag, wanted, archive)
    assert [path for path in elsewhere.home.rglob("*") if path.name != "scratch"] == []
    assert not (tmp_path / "outside").exists()


def new_folder(path: Path) -> Path:
    path.mkdir()
    return path
