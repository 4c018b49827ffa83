"""Packages with a real server: proved, signed, refused; and what a server does for those who ask it."""

import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from components.core.errors import AssayError, IntegrityError, RefusedError
from components.core.processes import free_port
from components.core.workspace import Workspace
from components.packages import building, proving, serving
from components.packages.files import GOLDEN, Package, verify_package
from components.packages.golden import Golden, read_golden
from components.packages.proving import prove_package
from components.packages.serving import model_of, request, served
from services.verify import SUMS, sums
from tests.conftest import HOUSE
from tests.drills.packages import build, golden_inputs, new_workspace
from tests.keys import keys

pytestmark = pytest.mark.usefixtures("no_trace")


def test_a_package_is_proved_over_http(built: tuple[Workspace, Package]) -> None:
    workspace, package = built
    proof = prove_package(workspace, package.tag)
    assert proof | {"max_difference": 0.0} == {
        "tag": package.tag,
        "digest": package.digest,
        "max_difference": 0.0,
        "inputs": 4,
        "strict": False,
    }
    assert proof["max_difference"] < 1e-4
    assert list((workspace.home / "serving").iterdir()) == []
    assert list((workspace.home / "logs").iterdir()) == []  # what Python said of its imports is nobody's to read
    verify_package(workspace, package.tag)  # serving has written nothing into it


def test_bytecode_in_a_package_is_not_believed(damaged: tuple[Workspace, Package]) -> None:
    """Python takes such a file for what the source beside it says, without looking."""
    workspace, package = damaged
    source = package.source / "models" / "estimators" / "estimator.py"
    forged = package.source.parent / "forged.py"
    forged.write_text("raise RuntimeError('bytecode was believed')")
    cached = source.parent / "__pycache__" / f"estimator.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(forged), str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    forged.unlink()
    assert prove_package(workspace, package.tag)["inputs"] == 4
    assert not cached.exists()


@pytest.mark.parametrize("alone", [False, True])
def test_a_server_answers_refuses_and_leaves_nothing_behind(
    built: tuple[Workspace, Package], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, alone: bool
) -> None:
    workspace, package = built
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('not the package')")
    monkeypatch.chdir(tmp_path)  # a module in the user's folder must not stand in for the package's own
    item: dict[str, Any] = {"image": golden_inputs()["image"][0].tolist(), "sigma": 120.0, "psf_fwhm": 0.4}
    port = free_port()
    with served(workspace, package, port, alone=alone) as url:
        assert url == f"http://127.0.0.1:{port}"
        answer = request(url, [item])
        assert answer["model"]["package"] == package.tag
        assert answer["units"]["posterior_flux"] == answer["units"]["posterior_flux_error"] == "1e5 counts"
        with pytest.raises(AssayError, match=r"400: images\[1\]\.image has shape 32x64: must be 64x64"):
            request(url, [item, item | {"image": item["image"][:32]}])
        with pytest.raises(AssayError, match=r"400: images\[0\]\.sigma is nan: must be a finite number above 0"):
            request(url, [item | {"sigma": float("nan")}])
        assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200
        with pytest.raises(AssayError, match=f"port {port} is in use"), served(workspace, package, port):
            pass
        (server,) = (child for child in psutil.Process().children() if listens(child, port))
        processes = [server, *server.children(recursive=True)]
        loaded = {Path(mapped.path).parts for process in processes for mapped in process.memory_maps()}
        kept_out = {"mlflow", "prefect", "dvc", "optuna", "pandas"} | ({"bentoml"} if alone else set())
        assert not {part for parts in loaded for part in parts} & kept_out
        addresses = {connection.laddr.ip for process in processes for connection in process.net_connections("tcp")}
        assert addresses == {"127.0.0.1"}
        server.kill()  # a supervisor that is killed must not leave its worker holding the port
    psutil.wait_procs(processes, timeout=5)
    assert not [process for process in processes if process.is_running()]
    with pytest.raises(AssayError, match="gave no answer"):
        request(url, [item])


def test_a_server_for_one_command_answers_what_bentoml_answers(built: tuple[Workspace, Package]) -> None:
    items = [{name: array[row].tolist() for name, array in golden_inputs().items()} for row in range(4)]
    with served(*built) as bentoml, served(*built, alone=True) as alone:
        said = [request(url, items, samples=2) for url in (bentoml, alone)]
        models = [model_of(url) for url in (bentoml, alone)]
    assert models[0] == models[1]
    for one in said:
        for prediction in one["predictions"]:
            assert prediction.pop("id")
            prediction.pop("samples")  # drawn anew
    assert said[0] == said[1]


def listens(process: psutil.Process, port: int) -> bool:
    """Whether it, or a child of it, has a port; by its command line nobody is known, where titles are set."""
    family = [process, *process.children(recursive=True)]
    return any(of.laddr.port == port for one in family for of in one.net_connections("tcp") if of.laddr)


def test_a_server_that_does_not_start_names_its_log(damaged: tuple[Workspace, Package]) -> None:
    workspace, package = damaged
    described = package.folder / "bento.yaml"
    described.write_text(described.read_text().replace("services.service:Service", "services.service:Nobody"))
    (package.folder / SUMS).write_text(sums(package.folder))
    with pytest.raises(AssayError, match=r"does not start: the reason is at the end of .*\.log"):
        prove_package(workspace, package.tag)


def test_bentoml_by_hand_refuses_a_damaged_package_too(damaged: tuple[Workspace, Package]) -> None:
    workspace, package = damaged
    (package.source / "models" / "networks" / "cnn.py").write_text("")
    command = [sys.executable, "-m", "bentoml", "serve", package.tag, "--port", "0"]
    variables = serving.bentoml_environment(workspace, workspace.home)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, cwd=workspace.root, timeout=60)
    assert done.returncode == 1
    assert "src/models/networks/cnn.py is not what was packaged" in done.stderr.splitlines()[-1]


def test_a_house_with_a_public_key_proves_and_serves_packages_of_that_key_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys(tmp_path / "ours")
    workspace = new_workspace(tmp_path)
    unsigned = build(workspace)
    monkeypatch.setenv("ASSAY_PUBLIC_KEY", str(public))
    with pytest.raises(IntegrityError, match=r"provenance\.dsse\.json is missing: the package is not signed"):
        prove_package(workspace, unsigned.tag)

    monkeypatch.setenv("ASSAY_SIGNING_KEY", str(private))
    signed = build(workspace)
    assert signed == unsigned, "a signature does not make another package of it"
    assert prove_package(workspace, signed.tag)["inputs"] == 4

    (signed.source / "services" / "verify.py").write_text("def check_files(*_, **__): return ''\n")
    (signed.folder / SUMS).write_text(sums(signed.folder))
    with pytest.raises(IntegrityError, match="is about another package"):
        prove_package(workspace, signed.tag)
    log = workspace.home / "server.log"
    with pytest.raises(IntegrityError), served(workspace, verify_package(workspace, signed.tag), log=log):
        pass
    assert not log.exists(), "no process was started"


def test_a_service_that_imports_the_pipeline_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = tmp_path / "house"
    for folder in ("services", "models"):
        shutil.copytree(HOUSE / folder, house / folder, ignore=shutil.ignore_patterns("__pycache__"))
    service = house / "services" / "service.py"
    service.write_text(service.read_text().replace("import bentoml\n", "import bentoml\nimport optuna\n", 1))
    monkeypatch.setattr(building, "HOUSE", house)
    workspace = new_workspace(tmp_path)
    package = build(workspace)
    with pytest.raises(RefusedError, match="its service imports optuna"):
        prove_package(workspace, package.tag)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_package_is_proved_from_a_new_environment(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path)
    proof = prove_package(workspace, build(workspace).tag, strict=True)
    assert proof["strict"]
    assert not list(workspace.home.glob("strict-*"))


def test_a_package_that_answers_for_another_model_is_refused(
    built: tuple[Workspace, Package], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overruled(*arguments: Any, environment: dict[str, str], **options: Any) -> Any:
        more = environment | {"ASSAY_OVERRIDE": "somebody's word"}
        return served(*arguments, environment=more, **options)

    monkeypatch.setattr(proving, "served", overruled)
    with pytest.raises(RefusedError, match=r"it answers for .*somebody's word"):
        prove_package(built[0], built[1].tag)


def test_what_is_left_over_in_somebodys_shell_reaches_no_service(
    built: tuple[Workspace, Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {
        "ASSAY_OVERRIDE": "x", "ASSAY_NOTIFY_SECRET": "s3cret", "BENTOML_CONFIG": "missing.yaml", "PYTHONOPTIMIZE": "2",
        "PYTHONPATH": str(tmp_path), "PYTHONWARNINGS": "error", "http_proxy": "http://192.0.2.1:1",
    }  # fmt: skip
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError('not the package')")
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    assert prove_package(built[0], built[1].tag)["inputs"] == 4
    with served(*built) as url:
        (server,) = (child for child in psutil.Process().children() if listens(child, int(url.rpartition(":")[2])))
        for process in (server, *server.children(recursive=True)):
            assert not left.keys() & process.environ().keys()


ANSWERS, FIELDS = (f"models/estimators/numbers/{name}.py" for name in ("estimator", "answer_fields"))
REPLIES = "services/replies.py"


def moved(golden: Golden, name: str, place: tuple[int, ...], by: float) -> Golden:
    array = golden.outputs[name].copy()
    array[place] += by
    return replace(golden, outputs={**golden.outputs, name: array})


def said_last(golden: Golden, words: str, others: str) -> Golden:
    assert any(words in line for line in golden.doubts[-1])
    return replace(golden, doubts=[*golden.doubts[:-1], [line.replace(words, others) for line in golden.doubts[-1]]])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda g: moved(g, "posterior_g1", (2,), 0.01 * g.outputs["posterior_g1_error"][2]),
            "posterior_g1 of golden input 2 is",
        ),
        (
            lambda g: moved(g, "posterior_n_error", (1,), 0.01 * g.outputs["posterior_n_error"][1]),
            "n_error of golden input 1 is",
        ),
        (
            lambda g: moved(g, "posterior_flux_interval95", (0, 1), 0.01 * g.outputs["posterior_flux_error"][0]),
            "flux_interval95 of golden",
        ),
        (lambda g: moved(g, "posterior_correlation", (3, 0, 4), 0.01), "posterior_correlation of golden input 3 is"),
        (lambda g: replace(g, doubts=[[] for _ in g.doubts]), "golden input 3 is doubted for"),
        (lambda g: replace(g, doubts=[["it is too blue"], *g.doubts[1:]]), "golden input 0 is in the tested range for"),
        (lambda g: said_last(g, "100 to 400", "100 to 500"), "golden input 3 is doubted for"),
        (lambda g: said_last(g, "sigma 700", "sigma 730"), "golden input 3 is doubted for"),
    ],
)
def test_a_package_that_answers_otherwise_in_any_part_is_refused(
    damaged: tuple[Workspace, Package], monkeypatch: pytest.MonkeyPatch, change: Callable[[Golden], Golden], line: str
) -> None:
    """In one value, one error, the end of an interval, one correlation, or in what is doubted."""
    workspace, package = damaged
    recorded = read_golden(package.source / GOLDEN)
    assert [bool(doubts) for doubts in recorded.doubts] == [False, False, False, True]
    monkeypatch.setattr(proving, "read_golden", lambda _: change(recorded))
    with pytest.raises(RefusedError, match=line):
        prove_package(workspace, package.tag)


@pytest.mark.parametrize(
    ("file", "before", "after", "line"),
    [
        (
            FIELDS,
            "answer.interval(percent / 100), dim=2)",
            "answer.interval(0.68), dim=2)",
            "interval95 of golden input",
        ),
        (
            FIELDS,
            'correlation": covariance_bpp / (',
            'correlation": covariance_bpp[:1] / (',
            "correlation of golden input",
        ),
        (ANSWERS, 'range_doubts(region["conditions"]', "range_doubts({}", "golden input 3 is in the tested range"),
        (
            REPLIES,
            '"in_tested_range": not answers.doubts[index]',
            '"in_tested_range": None',
            "golden input 0 is doubted for",
        ),
        (
            REPLIES,
            "row[index] for output",
            "str(row[index]) for output",
            "flux of golden input 0 has the shape of no num",
        ),
        (REPLIES, "units = about.units | about.estimated_units(answers)", 'units = {"flux": "Jy"}', "its units are"),
        (REPLIES, '"units": units, ', "", "from before answers had named fields"),
    ],
)
def test_a_service_with_a_fault_that_values_and_errors_do_not_show_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, before: str, after: str, line: str
) -> None:
    """Both intervals equal, the first image's covariance for all, no doubts: answers are recorded by the right code."""
    house = tmp_path / "house"
    for folder in ("services", "models"):
        shutil.copytree(HOUSE / folder, house / folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = house / file
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    monkeypatch.setattr(building, "HOUSE", house)
    workspace = new_workspace(tmp_path)
    package = build(workspace)
    with pytest.raises(AssayError, match=line):
        prove_package(workspace, package.tag)
