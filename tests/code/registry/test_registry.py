"""The registry on a real MLflow with SQLite: once is once, damage is refused."""

import os
import pickletools
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from components.core.errors import AssayError, IntegrityError, RefusedError
from components.registry.registry import Registry
from models.descriptions import DamagedModelError
from tests.code.registry.trained import Trained, batch
from tests.conftest import HOUSE


def test_a_model_is_registered_once_with_everything_known_of_it(trained: Trained) -> None:
    import mlflow

    registry = Registry(trained.workspace)
    registry.create()
    assert registry.find("galaxy-shape", trained.weights) is None
    assert registry.versions("galaxy-shape") == []

    assert trained.register() == 1
    assert trained.register() == 1
    assert registry.find("galaxy-shape", trained.weights) == 1

    (info,) = registry.versions("galaxy-shape")
    assert info.metrics == {"rmse_over_crb.snr60.flux": 1.2}
    every = registry.metrics("galaxy-shape", info)
    assert {"rmse_over_crb.snr60.flux", "rmse_over_crb.snr60.g1", "rmse_over_crb.snr60.g1.high"} <= set(every)
    assert every["rmse_over_crb.snr60.g1.high"] == 1.3
    assert info.tags["weights.sha256"] == trained.weights
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("galaxy-shape").experiment_id])  # type: ignore[union-attr]
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"rmse_over_crb.snr60.flux": 1.2}  # the headline: MLflow draws a chart for each
    assert run.data.params["width"] == "8"
    assert run.inputs is not None
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == "d" * 36
    assert Path(mlflow.data.get_source(dataset.dataset).load()) == trained.workspace.data
    with registry.evaluation("galaxy-shape", 1) as folder:
        assert (folder / "report.json").read_text() == "{}"
    assert registry.evaluation_file("galaxy-shape", 1, "report.json") == b"{}"
    assert registry.evaluation_file("galaxy-shape", 1, "card.json") is None

    with pytest.raises(AssayError, match="no version 7"):
        registry.model_folder("galaxy-shape", 7)

    Trained(trained.workspace.root, seed=1).register()
    assert [info.version for info in registry.versions("galaxy-shape")] == [1, 2]


def test_mlflow_itself_loads_the_model_and_answers_as_the_estimator(trained: Trained) -> None:
    import mlflow

    version = trained.register()
    registry = Registry(trained.workspace)
    registry.mirror("galaxy-shape", trained.stages({version: "candidate"}), {})
    inputs = batch(5)
    answer = mlflow.pyfunc.load_model("models:/galaxy-shape@candidate").predict(inputs)
    with torch.inference_mode():
        given = trained.estimator({name: torch.from_numpy(array) for name, array in inputs.items()})
    assert set(answer) == set(given)
    for name, array in given.items():
        np.testing.assert_allclose(answer[name], array, rtol=1e-6, atol=1e-7)

    with pytest.raises(mlflow.exceptions.MlflowException, match="schema"):
        mlflow.pyfunc.load_model("models:/galaxy-shape@candidate").predict(inputs | {"image": inputs["image"][:, :32]})
    requirements = (registry.model_folder("galaxy-shape", 1).parents[1] / "requirements.txt").read_text()
    assert "torch==" in requirements
    assert "+" not in requirements


def test_the_logged_model_holds_no_pickle(trained: Trained) -> None:
    version = trained.register()
    folder = Registry(trained.workspace).model_folder("galaxy-shape", version).parents[1]
    files = [path for path in folder.rglob("*") if path.is_file()]
    code, data = {".py", ".c", ".h", ".so"}, {"", ".json", ".safetensors", ".yaml", ".yml", ".txt"}
    assert {path.suffix for path in files} <= code | data
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
    registry.mirror("galaxy-shape", trained.stages({version: "production"}), {})
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


def test_a_version_with_an_alias_is_not_deleted_and_one_without_goes_whole(trained: Trained) -> None:
    version = trained.register()
    registry = Registry(trained.workspace)
    registry.mirror("galaxy-shape", trained.stages({version: "production"}), {})
    with pytest.raises(RefusedError, match="has the alias production"):
        registry.delete("galaxy-shape", version)
    folder = registry.model_folder("galaxy-shape", version)
    registry.mirror("galaxy-shape", trained.stages({version: "archived"}), {})
    registry.delete("galaxy-shape", version)
    registry.delete("galaxy-shape", version)
    assert registry.tags("galaxy-shape") == {}
    assert not folder.exists()


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from components.registry.registry import Registry
from tests.code.registry.trained import Trained
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

    root = trained.workspace.root
    database = trained.workspace.home / "mlflow.db"
    database.unlink()
    database.with_suffix(".partial").write_text("what a killed `create` leaves")
    elsewhere = [root / "home", root / "cwd"]
    for folder in elsewhere:
        folder.mkdir()
    script = KILLED.format(root=str(HOUSE), before_the_end=before_the_end)
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
