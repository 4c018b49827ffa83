"""The registry on a real MLflow with SQLite: once is once, damage is refused, aliases follow the ledger."""

import os
import pickletools
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from components.errors import AssayError, IntegrityError, RefusedError
from components.ledger_table import Entry
from components.mlflow_run import DatasetSource
from components.problems.base import Metric, Problem
from components.problems.galaxy_shape import GalaxyShape
from components.registry import Registry
from components.workspace import Workspace
from models.estimator import Estimator
from models.saved import DamagedModelError, save_model
from tests.estimators import CONFIG


def batch(count: int = 3) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(5)
    return {
        "image": random.normal(0, 10, (count, 64, 64)).astype("float32"),
        "sigma": random.uniform(5, 10, count).astype("float32"),
        "psf_fwhm": random.uniform(0.6, 0.8, count).astype("float32"),
    }


class Trained:
    """A network and its evaluation on disk, and how it is registered."""

    def __init__(self, root: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.workspace = Workspace(root=root, home=root / ".assay")
        self.estimator = Estimator(CONFIG).eval()
        self.folder, self.evaluation = root / f"model-{seed}", root / f"evaluation-{seed}"
        self.weights = save_model(self.folder, self.estimator, {"seed": seed})
        self.evaluation.mkdir(exist_ok=True)
        (self.evaluation / "report.json").write_text("{}")
        self.evidence = f"evidence-{seed}"

    def register(self) -> int:
        return Registry(self.workspace).register(
            cast(Problem, GalaxyShape()),
            self.folder,
            self.evaluation,
            tags={"weights.sha256": self.weights, "evidence.digest": self.evidence, "git.commit": "c" * 40},
            params={"width": 8, "learning_rate": 1e-3},
            metrics={
                f"rmse_over_crb.snr60.{name}": Metric(value=1.2, low=1.1, high=1.3) for name in GalaxyShape.truths
            },
            dataset=DatasetSource(name="galaxy-shape", digest="d" * 64, path=self.workspace.data),
            input_example=batch(),
            headline=["rmse_over_crb.snr60.flux"],
        )

    def stages(self, where: dict[int, str]) -> dict[int, Entry]:
        """Entries as a ledger would have them, newest first."""
        return {
            version: Entry(
                sequence=1,
                problem="galaxy-shape",
                version=version,
                action="promote",
                from_stage=None,
                to_stage=stage,
                previous_version=None,
                actor="ada",
                reason="gates passed",
                evidence={},
                override=None,
                weights_sha256=self.weights,
                package_tag=None,
                package_digest=None,
                at="2026-01-01T00:00:00.000+00:00",
            )
            for version, stage in where.items()
        }


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, made once: each test gets a copy."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        Registry(Workspace(root=root, home=root)).create()
    return root / "mlflow.db"


@pytest.fixture
def trained(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trained]:
    trained = Trained(tmp_path)
    trained.workspace.home.mkdir()
    trained.workspace.data.mkdir()
    (trained.workspace.home / "mlflow.db").write_bytes(template.read_bytes())
    for name, value in trained.workspace.environment().items():
        monkeypatch.setenv(name, value)
    yield trained
    import mlflow

    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]


def test_a_model_is_registered_once_with_everything_known_of_it(trained: Trained) -> None:
    import mlflow

    registry = Registry(trained.workspace)
    registry.create()
    assert registry.find("galaxy-shape", trained.weights, trained.evidence) is None
    with pytest.raises(AssayError, match="assay run galaxy-shape"):
        registry.versions("galaxy-shape")

    assert trained.register() == 1
    assert trained.register() == 1
    assert registry.find("galaxy-shape", trained.weights, trained.evidence) == 1

    (info,) = registry.versions("galaxy-shape")
    assert info.metrics == {"rmse_over_crb.snr60.flux": 1.2}
    assert info.tags["weights.sha256"] == trained.weights
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("galaxy-shape").experiment_id])  # type: ignore[union-attr]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["rmse_over_crb.snr60.g1.high"] == 1.3
    assert run.data.params["width"] == "8"
    assert run.inputs is not None
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "d" * 36
    assert Path(mlflow.data.get_source(dataset.dataset).load()) == trained.workspace.data
    assert (registry.evaluation_folder("galaxy-shape", 1) / "report.json").read_text() == "{}"

    with pytest.raises(AssayError, match="no version 7"):
        registry.model_folder("galaxy-shape", 7)

    Trained(trained.workspace.root, seed=1).register()
    assert [info.version for info in registry.versions("galaxy-shape")] == [1, 2]


def test_mlflow_itself_loads_the_model_and_answers_as_the_estimator(trained: Trained) -> None:
    import mlflow

    version = trained.register()
    registry = Registry(trained.workspace)
    registry.mirror("galaxy-shape", trained.stages({version: "candidate"}))
    inputs = batch(5)
    answer = mlflow.pyfunc.load_model("models:/galaxy-shape@candidate").predict(inputs)
    conditions = torch.from_numpy(np.stack([inputs["sigma"], inputs["psf_fwhm"]], axis=1))
    with torch.inference_mode():
        given = trained.estimator(torch.from_numpy(inputs["image"]), conditions)
    for column, name in enumerate(trained.estimator.output_names):
        np.testing.assert_allclose(answer[name], given.value_bp[:, column], rtol=1e-6)
        np.testing.assert_allclose(answer[f"{name}_error"], given.error_bp[:, column], rtol=1e-6)

    with pytest.raises(mlflow.exceptions.MlflowException, match="schema"):
        mlflow.pyfunc.load_model("models:/galaxy-shape@candidate").predict(inputs | {"image": inputs["image"][:, :32]})
    requirements = (registry.model_folder("galaxy-shape", 1).parents[1] / "requirements.txt").read_text()
    assert "torch==" in requirements
    assert "+" not in requirements


def test_the_logged_model_holds_no_pickle(trained: Trained) -> None:
    version = trained.register()
    folder = Registry(trained.workspace).model_folder("galaxy-shape", version).parents[1]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {"", ".py", ".json", ".safetensors", ".yaml", ".yml", ".txt"}
    for path in files:
        content = path.read_bytes()
        assert not content.startswith(b"PK"), path  # a zip, as torch.save writes
        if content[:1] == b"\x80":
            with pytest.raises(ValueError, match="opcode"):
                list(pickletools.genops(content))


def test_a_damaged_model_is_refused(trained: Trained) -> None:
    import mlflow

    version = trained.register()
    registry = Registry(trained.workspace)
    registry.mirror("galaxy-shape", trained.stages({version: "production"}))
    weights = registry.model_folder("galaxy-shape", version) / "weights.safetensors"
    description = weights.with_name("model.json")
    good = weights.read_bytes()

    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(IntegrityError, match=r"weights\.safetensors"):
        registry.model_folder("galaxy-shape", version)
    with pytest.raises(DamagedModelError, match=r"weights\.safetensors"):
        mlflow.pyfunc.load_model("models:/galaxy-shape@production")

    weights.write_bytes(good)
    description.write_text(description.read_text().replace('"mean": 5.3', '"mean": 6.3'))
    with pytest.raises(IntegrityError, match=r"model\.json"):
        registry.model_folder("galaxy-shape", version)
    description.unlink()
    with pytest.raises(IntegrityError, match=r"model\.json is missing"):
        registry.model_folder("galaxy-shape", version)


def test_aliases_mirror_the_ledger(trained: Trained) -> None:
    import mlflow

    trained.register()
    Trained(trained.workspace.root, seed=1).register()
    registry, client = Registry(trained.workspace), mlflow.MlflowClient()

    def aliases() -> dict[str, int]:
        known = client.get_registered_model("galaxy-shape").aliases
        return {alias: int(version) for alias, version in known.items()}

    def mirror(where: dict[int, str]) -> list[str]:
        found = registry.mirror("galaxy-shape", trained.stages(where))
        return [one.name for one in found if one.kind == "alias"]

    assert mirror({1: "production", 2: "archived"}) == ["production"]
    assert aliases() == {"production": 1}
    assert mirror({2: "production", 1: "candidate"}) == ["production", "candidate"]
    assert aliases() == {"production": 2, "candidate": 1}
    assert registry.mirror("galaxy-shape", trained.stages({2: "production", 1: "candidate"})) == []
    client.set_registered_model_alias("galaxy-shape", "mine", "1")
    assert mirror({1: "archived", 2: "archived"}) == ["production", "candidate"]
    assert aliases() == {"mine": 1}  # what users name is theirs


def test_tags_and_descriptions_mirror_the_ledger_and_say_what_was_overruled(trained: Trained) -> None:
    import mlflow

    trained.register()
    registry, client = Registry(trained.workspace), mlflow.MlflowClient()
    override = {"by": "ada", "reason": "first light", "until": "2026-12-31", "overruled": ["gate x fail"]}
    package = {"package_tag": "galaxy-shape:v1", "package_digest": "p" * 64}
    changes: dict[str, Any] = {"override": override, "digest": "d", **package}
    overruled = {version: replace(entry, **changes) for version, entry in trained.stages({1: "staging"}).items()}
    registry.mirror("galaxy-shape", overruled)
    shown = client.get_model_version("galaxy-shape", "1")
    assert shown.description is not None
    assert shown.tags["stage"] == "staging"
    assert shown.tags["override"] == "by ada until 2026-12-31: first light"
    assert (shown.tags["package.tag"], shown.tags["package.digest"]) == ("galaxy-shape:v1", "p" * 64)
    assert registry.ledger_head("galaxy-shape") == "1 d"
    assert "OVERRIDE" in shown.description
    assert shown.description.startswith("staging since 2026-01-01 00:00 UTC by ada: gates passed.")

    client.set_model_version_tag("galaxy-shape", "1", "stage", "production")
    client.update_model_version("galaxy-shape", "1", "the best one")
    client.set_registered_model_alias("galaxy-shape", "production", "1")
    client.set_model_version_tag("galaxy-shape", "1", "package.digest", "q")
    client.delete_model_version_tag("galaxy-shape", "1", "weights.sha256")
    client.delete_registered_model_tag("galaxy-shape", "ledger.head")
    found = registry.mirror("galaxy-shape", overruled)
    assert sorted(str(one) for one in found) == [
        "alias production is 1 in MLflow, not there by the ledger",
        "tag ledger.head is not there in MLflow, 1 d by the ledger",
        f"version 1 description is the best one in MLflow, {shown.description} by the ledger",
        f"version 1 tag package.digest is q in MLflow, {'p' * 64} by the ledger",
        "version 1 tag stage is production in MLflow, staging by the ledger",
        f"version 1 tag weights.sha256 is not there in MLflow, {trained.weights} by the ledger",
    ]
    assert registry.mirror("galaxy-shape", trained.stages({1: "staging"})) != []  # the override is over
    assert "override" not in client.get_model_version("galaxy-shape", "1").tags
    assert registry.mirror("galaxy-shape", trained.stages({1: "staging"})) == []


def test_a_version_that_mlflow_lost_is_reported(trained: Trained) -> None:
    trained.register()
    registry = Registry(trained.workspace)
    found = registry.mirror("galaxy-shape", trained.stages({7: "production", 1: "candidate"}))
    assert [(one.kind, one.version) for one in found if one.kind == "version"] == [("version", 7)]
    assert registry.aliases("galaxy-shape") == {"candidate": 1}


def test_a_version_with_an_alias_is_not_deleted_and_one_without_goes_whole(trained: Trained) -> None:
    version = trained.register()
    registry = Registry(trained.workspace)
    registry.mirror("galaxy-shape", trained.stages({version: "production"}))
    with pytest.raises(RefusedError, match="has the alias production"):
        registry.delete("galaxy-shape", version)
    folder = registry.model_folder("galaxy-shape", version)
    registry.mirror("galaxy-shape", trained.stages({version: "archived"}))
    registry.delete("galaxy-shape", version)
    registry.delete("galaxy-shape", version)
    assert registry.tags("galaxy-shape") == {}
    assert not folder.exists()


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from test_registry import Registry, Trained
import mlflow
create_version = mlflow.MlflowClient.create_model_version
def die(*arguments, **keywords):
    {before_the_end}
    os.kill(os.getpid(), signal.SIGKILL)
mlflow.MlflowClient.create_model_version = die
trained = Trained(Path(sys.argv[1]))
Registry(trained.workspace).create()
trained.register()
"""


@pytest.mark.parametrize("before_the_end", ["pass", "create_version(*arguments, **keywords)"], ids=["before", "after"])
def test_killed_around_the_version_and_run_again_leaves_one(trained: Trained, before_the_end: str) -> None:
    import mlflow

    root, here = trained.workspace.root, Path(__file__).parent
    database = trained.workspace.home / "mlflow.db"
    database.unlink()
    database.with_suffix(".partial").write_text("what a killed `create` leaves")
    elsewhere = [root / "home", root / "cwd"]
    for folder in elsewhere:
        folder.mkdir()
    script = KILLED.format(root=str(here.parents[1]), tests=str(here), before_the_end=before_the_end)
    child = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        cwd=root / "cwd",
        env=os.environ | {"HOME": str(root / "home")},
        capture_output=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert not child.stdout + child.stderr  # MLflow keeps its chatter to itself
    assert not [path for folder in elsewhere for path in folder.rglob("*")]  # and its files in ASSAY_HOME

    assert trained.register() == 1
    assert [info.version for info in Registry(trained.workspace).versions("galaxy-shape")] == [1]
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("galaxy-shape").experiment_id  # type: ignore[union-attr]
    assert len(client.search_runs([experiment])) == 1
    assert len(client.search_logged_models([experiment])) == 1
    weights = list((trained.workspace.home / "mlartifacts").rglob("weights.safetensors"))
    assert len(weights) == 1  # nothing of the killed run is left on the disk
