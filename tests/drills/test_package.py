"""Packages with real builds and a real server: built once, proved, damaged, and killed half-way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import torch
from torch import Tensor

from components import packaging, serving
from components.errors import AssayError, IntegrityError, RefusedError
from components.packaging import build_package
from components.processes import free_port
from components.proving import prove_package
from components.serving import Package, request, served, verify_package
from components.signing import sign
from components.workspace import Workspace
from models.estimator import Estimator
from models.saved import save_model
from services.signature import check_signature
from tests.estimators import CONFIG, TRUSTED_REGION

HOUSE = Path(__file__).parents[2]
LINEAGE = {"data_md5": "0f" * 16, "git_commit": "a1" * 20}
UNITS = {"flux": "1e5 counts", "n": "", "half_light_radius": "arcsec", "g1": "", "g2": ""}


def golden_inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    sigma = torch.tensor([120.0, 200.0, 310.0, 95.0])
    image_bhw = torch.randn(4, 64, 64, generator=generator) * sigma[:, None, None]
    return image_bhw, torch.stack([sigma, torch.tensor([0.4, 0.5, 0.6, 0.7])], dim=1)


def new_workspace(root: Path) -> Workspace:
    """A workspace with one trained model, in `root / "trained"`."""
    (root / "params.yaml").write_text("problems: {}\n")
    torch.manual_seed(0)
    save_model(root / "trained", Estimator(CONFIG), {"problem": "galaxy-shape", "units": UNITS})
    return Workspace(root=root, home=root / ".assay")


def build(workspace: Workspace, version: int = 3) -> Package:
    image_bhw, conditions_bc = golden_inputs()
    return build_package(
        workspace,
        model_folder=workspace.root / "trained",
        version=version,
        lineage=LINEAGE,
        trusted_region=TRUSTED_REGION,
        golden_images=image_bhw,
        golden_conditions=conditions_bc,
    )


def stored(workspace: Workspace) -> list[str]:
    return [folder.name for folder in (workspace.home / "bentoml" / "bentos" / "galaxy-shape").iterdir()]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Package]:
    workspace = new_workspace(tmp_path_factory.mktemp("shared"))
    return workspace, build(workspace)


@pytest.fixture
def copied(shared: tuple[Workspace, Package], tmp_path: Path) -> tuple[Workspace, Package]:
    """The package in a workspace of its own, to be damaged."""
    shutil.copytree(shared[0].root, tmp_path, dirs_exist_ok=True)
    workspace = Workspace(root=tmp_path, home=tmp_path / ".assay")
    return workspace, verify_package(workspace, shared[1].tag)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's home, and no process outlives a test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    before = set(psutil.Process().children(recursive=True))
    yield
    # pip asks rustc for its version, and rustup makes a folder to answer.
    assert {path.name for path in home.iterdir()} <= {".rustup"}
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_package_holds_what_it_needs_and_says_where_it_is_from(shared: tuple[Workspace, Package]) -> None:
    workspace, package = shared
    document = json.loads((package.source / "model" / "package.json").read_text())
    weights = document["model"]["weights_sha256"]
    assert package.tag == f"galaxy-shape:v3-{weights[:12]}"
    assert package.digest == document["digest"]
    assert document["model"] == LINEAGE | {
        "problem": "galaxy-shape",
        "version": 3,
        "weights_sha256": weights,
        "package": package.tag,
    }
    assert {name for name in document["files"] if not name.endswith(".py")} == {
        "model/model.json",
        "model/weights.safetensors",
        "model/golden.safetensors",
        "model/trusted_region.json",
    }
    assert {"services/service.py", "models/estimator.py", "models/saved.py"} <= set(document["files"])
    requirements = (package.folder / "env" / "python" / "requirements.txt").read_text().split()
    assert sorted(line.partition("==")[0] for line in requirements) == [
        "bentoml",
        "cryptography",
        "numpy",
        "pydantic",
        "safetensors",
        "scipy",
        "torch",
    ]
    assert "+" not in "".join(requirements)
    assert stored(workspace) == [package.folder.name]
    assert not (workspace.home / "build").exists()


def test_a_second_build_is_the_first(shared: tuple[Workspace, Package]) -> None:
    workspace, package = shared
    made = package.folder.stat().st_ctime_ns
    assert build(workspace) == package
    assert package.folder.stat().st_ctime_ns == made
    assert stored(workspace) == [package.folder.name]


def test_a_package_is_proved_over_http(shared: tuple[Workspace, Package]) -> None:
    workspace, package = shared
    proof = prove_package(workspace, package.tag, tolerance=1e-3)
    assert proof | {"max_difference": 0.0} == {
        "tag": package.tag,
        "digest": package.digest,
        "max_difference": 0.0,
        "inputs": 4,
        "strict": False,
    }
    assert proof["max_difference"] < 1e-4
    assert list((workspace.home / "serving").iterdir()) == []
    verify_package(workspace, package.tag)  # serving has written nothing into it


def test_a_server_answers_refuses_and_leaves_nothing_behind(
    shared: tuple[Workspace, Package], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workspace, package = shared
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('not the package')")
    monkeypatch.chdir(tmp_path)  # a module in the user's folder must not stand in for the package's own
    image_bhw, _ = golden_inputs()
    item = {"image": image_bhw[0].tolist(), "sigma": 120.0, "psf_fwhm": 0.4}
    port = free_port()
    with served(workspace, package.tag, port) as url:
        assert url == f"http://127.0.0.1:{port}"
        answer = request(url, [item])
        assert answer["model"]["package"] == package.tag
        assert answer["predictions"][0]["parameters"]["flux"]["unit"] == "1e5 counts"
        with pytest.raises(AssayError, match=r"400: images\[1\]\.image has shape 32x64: must be 64x64"):
            request(url, [item, item | {"image": item["image"][:32]}])  # type: ignore[index]
        with pytest.raises(AssayError, match=r"400: images\[0\]\.sigma is nan: must be a finite number above 0"):
            request(url, [item | {"sigma": float("nan")}])
        assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        with pytest.raises(AssayError, match=f"port {port} is in use"), served(workspace, package.tag, port):
            pass
        server = psutil.Process().children()[-1]
        processes = [server, *server.children(recursive=True)]
        loaded = {Path(mapped.path).parts for process in processes for mapped in process.memory_maps()}
        assert not {part for parts in loaded for part in parts} & {"mlflow", "prefect", "dvc", "optuna", "pandas"}
        addresses = {connection.laddr.ip for process in processes for connection in process.net_connections("tcp")}
        assert addresses == {"127.0.0.1"}
        server.kill()  # a supervisor that is killed must not leave its worker holding the port
    psutil.wait_procs(processes, timeout=5)
    assert not [process for process in processes if process.is_running()]
    with pytest.raises(AssayError, match="gave no answer"):
        request(url, [item])


@pytest.mark.parametrize(
    "name",
    [
        "model/weights.safetensors",
        "model/golden.safetensors",
        "model/trusted_region.json",
        "model/package.json",
        "services/service.py",
        "models/cnn.py",
    ],
)
def test_one_flipped_byte_is_found_and_named(copied: tuple[Workspace, Package], name: str) -> None:
    workspace, package = copied
    content = bytearray((package.source / name).read_bytes())
    content[len(content) // 2] ^= 1
    (package.source / name).write_bytes(content)
    for use in (
        lambda: verify_package(workspace, package.tag),
        lambda: prove_package(workspace, package.tag, tolerance=1e-3),
        lambda: build(workspace),
    ):
        with pytest.raises(IntegrityError, match=f"/src/{name} is"):
            use()
    assert stored(workspace) == [package.folder.name]


def test_a_file_more_or_less_is_found_and_named(copied: tuple[Workspace, Package]) -> None:
    workspace, package = copied
    (package.source / "torch.py").write_text("")
    with pytest.raises(IntegrityError, match=r"/src/torch\.py was not packaged"):
        verify_package(workspace, package.tag)
    (package.source / "torch.py").unlink()
    (package.source / "models" / "cnn.py").unlink()
    with pytest.raises(IntegrityError, match=r"/src/models/cnn\.py is missing"):
        verify_package(workspace, package.tag)
    with pytest.raises(AssayError, match="no package galaxy-shape:v9-none in "):
        verify_package(workspace, "galaxy-shape:v9-none")


def test_a_server_that_does_not_start_names_its_log(copied: tuple[Workspace, Package]) -> None:
    workspace, package = copied
    described = package.folder / "bento.yaml"
    described.write_text(described.read_text().replace("services.service:Predictor", "services.service:Nobody"))
    with pytest.raises(AssayError, match=r"does not start: the reason is at the end of .*\.log"):
        prove_package(workspace, package.tag, tolerance=1e-3)


def test_bentoml_by_hand_refuses_a_damaged_package_too(copied: tuple[Workspace, Package]) -> None:
    workspace, package = copied
    (package.source / "models" / "cnn.py").write_text("")
    command = serving.bentoml_command(workspace, workspace.home, "serve", package.tag, "--port", "0")
    done = subprocess.run(command, capture_output=True, text=True, cwd=workspace.root, timeout=60)
    assert done.returncode == 1
    assert "src/models/cnn.py is missing or is not what was packaged" in done.stderr.splitlines()[-1]


def keys(folder: Path) -> tuple[Path, Path]:
    """A private and a public ed25519 key, made as the documents say."""
    private, public = folder / "assay.key", folder / "assay.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_a_service_with_a_public_key_answers_with_packages_of_that_key_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    private, public = keys(tmp_path / "ours")
    workspace = new_workspace(tmp_path)
    unsigned = build(workspace)
    monkeypatch.setenv("ASSAY_PUBLIC_KEY", str(public))
    with pytest.raises(AssayError, match="does not start"):
        prove_package(workspace, unsigned.tag, tolerance=1e-3)
    log = (workspace.home / "logs" / f"serve-{unsigned.tag.replace(':', '-')}.log").read_text()
    assert "package.sig is missing: the package is not signed" in log

    serving.discard_package(workspace, unsigned.tag)
    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(private))
    signed = build(workspace)
    assert signed == unsigned, "a signature does not make another package of it"
    assert prove_package(workspace, signed.tag, tolerance=1e-3)["inputs"] == 4

    monkeypatch.setenv("ASSAY_PUBLIC_KEY", str(keys(tmp_path / "theirs")[1]))
    with pytest.raises(ValueError, match=r"package\.sig is not a signature of this package by the key of .*theirs"):
        check_signature(signed.source / serving.MANIFEST)


def test_a_key_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad.pem").write_text("no key")
    for name in ("bad.pem", "missing.pem"):
        monkeypatch.setenv("ASSAY_SIGNING_KEY", str(tmp_path / name))
        with pytest.raises(AssayError, match=f"ASSAY_SIGNING_KEY .*{name} cannot be read"):
            sign(b"content")
        monkeypatch.setenv("ASSAY_PUBLIC_KEY", str(tmp_path / name))
        with pytest.raises(ValueError, match=f"ASSAY_PUBLIC_KEY .*{name} cannot be read"):
            check_signature(tmp_path / "package.json")


def test_a_service_that_imports_the_pipeline_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = tmp_path / "house"
    for folder in ("services", "models"):
        shutil.copytree(HOUSE / folder, house / folder, ignore=shutil.ignore_patterns("__pycache__"))
    service = house / "services" / "service.py"
    service.write_text(service.read_text().replace("import bentoml\n", "import bentoml\nimport optuna\n", 1))
    monkeypatch.setattr(packaging, "_HOUSE", house)
    workspace = new_workspace(tmp_path)
    package = build(workspace)
    with pytest.raises(RefusedError, match="its service imports optuna"):
        prove_package(workspace, package.tag, tolerance=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_package_is_proved_from_a_new_environment(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    proof = prove_package(workspace, build(workspace).tag, tolerance=1e-3, strict=True)
    assert proof["strict"]
    assert not list(workspace.home.glob("strict-*"))


def test_a_package_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_golden = packaging.make_golden

    def shifted(*arguments: Any) -> dict[str, Tensor]:
        golden = make_golden(*arguments)
        golden["value"][2, 3] += 0.01 * golden["error"][2, 3]
        return golden

    monkeypatch.setattr(packaging, "make_golden", shifted)
    workspace = new_workspace(tmp_path)
    package = build(workspace)
    with pytest.raises(RefusedError, match="g1 of golden input 2 has the value"):
        prove_package(workspace, package.tag, tolerance=1e-3)


def test_a_full_disk_leaves_no_half_package(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    code = f"""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # too small for the weights
        from components.errors import AssayError
        from tests.drills.test_package import Path, Workspace, build
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
        "from tests.drills.test_package import Path, Workspace, build\n"
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
