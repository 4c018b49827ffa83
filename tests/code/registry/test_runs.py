"""A model has one run in MLflow: the training's, in which it is registered, and MLflow's pages know it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from components.core.settings import ProblemSettings
from components.core.source import Source
from components.fields.dataset import Dataset
from components.problems import find_problem
from components.registry import training_log
from components.registry.registry import Registry
from components.registry.training_log import TrainingLog
from components.training.trainer import Epoch
from tests.code.registry.trained import Trained

HISTORY: list[dict[str, Any]] = [
    {"number": 1, "training_loss": 2.0, "validation_loss": 1.5, "learning_rate": 1e-3, "images_per_second": 9.0},
    {"number": 2, "training_loss": 1.0, "validation_loss": 1.2, "learning_rate": 1e-5, "images_per_second": 9.0},
]


def runs_of(trained: Trained) -> list[Any]:
    import mlflow

    client = mlflow.MlflowClient()
    (experiment,) = client.search_experiments(filter_string="name = 'galaxy-shape'")
    return list(client.search_runs([experiment.experiment_id]))


def train(trained: Trained, dataset: Dataset, settings: ProblemSettings) -> str:
    """What a training tells MLflow, the call of its last epoch being lost; the key of its inputs."""
    source = Source(commit="c" * 40, dirty=False)
    log = TrainingLog(trained.workspace, find_problem("galaxy-shape"), dataset, settings, source=source)
    log.add(Epoch(**HISTORY[0]))
    log.finish(HISTORY)
    (run,) = (run for run in runs_of(trained) if "weights.sha256" not in run.data.tags)
    assert run.data.tags["git.commit"] == "c" * 40
    assert run.data.tags["data.digest"] == dataset.digest
    assert run.info.status == "FINISHED"
    return str(run.data.tags["training.key"])


def epochs_of(run: Any) -> list[int]:
    import mlflow

    return [metric.step for metric in mlflow.MlflowClient().get_metric_history(run.info.run_id, "validation_loss")]


def test_a_model_is_registered_in_the_run_of_its_training(
    trained: Trained, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    key = train(trained, small_dataset, settings)
    model = Trained(trained.workspace.root, history=HISTORY)
    model.register(**{"training.key": key})
    (run,) = runs_of(trained)
    (version,) = Registry(trained.workspace).versions("galaxy-shape")
    assert version.run_id == run.info.run_id
    assert epochs_of(run) == [1, 2]
    assert run.data.params["train.epochs"] == str(settings.train.epochs)
    assert run.data.params["width"] == "8"
    assert run.data.metrics["rmse_over_crb.snr60.flux"] == 1.2
    assert (run.data.tags["weights.sha256"], run.data.tags["git.commit"]) == (model.weights, "c" * 40)
    assert run.info.status == "FINISHED"

    # The same training elsewhere came to other weights: they have a run of their own, with its epochs.
    Trained(trained.workspace.root, seed=1, history=HISTORY).register(**{"training.key": key})
    other, first = runs_of(trained)
    assert first.info.run_id == run.info.run_id
    assert epochs_of(other) == [1, 2]


def test_settings_are_the_same_in_whatever_order_they_come(
    trained: Trained, small_dataset: Dataset, settings: ProblemSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model's description has its keys sorted, params.yaml as a person wrote them."""
    nested = {"noise": {"poisson": 1.0, "gaussian": {"sd": 0.2, "mean": 0.0}}, "scales": [2, 1]}
    monkeypatch.setattr(training_log, "settings_values", lambda _: nested)
    key = train(trained, small_dataset, settings)
    params = {f"train.{name}": value for name, value in json.loads(json.dumps(nested, sort_keys=True)).items()}
    Trained(trained.workspace.root, history=HISTORY).register(params, **{"training.key": key})
    (run,) = runs_of(trained)
    assert run.data.params["train.noise"] == "{'gaussian': {'mean': 0.0, 'sd': 0.2}, 'poisson': 1.0}"


def test_a_training_that_is_only_found_begins_no_run(
    trained: Trained, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    key = train(trained, small_dataset, settings)
    Trained(trained.workspace.root, history=HISTORY).register(**{"training.key": key})
    problem, source = find_problem("galaxy-shape"), Source(commit="e" * 40, dirty=False)
    (before,) = runs_of(trained)
    TrainingLog(trained.workspace, problem, small_dataset, settings, source=source).finish(HISTORY)
    other = replace(settings, train=replace(settings.train, epochs=9))
    TrainingLog(trained.workspace, problem, small_dataset, other, source=source).finish(HISTORY)
    (after,) = runs_of(trained)
    assert (after.info.end_time, after.data.tags) == (before.info.end_time, before.data.tags)


@pytest.mark.parametrize("killed", [False, True])
def test_the_page_of_a_logged_model_says_that_it_is_registered(trained: Trained, killed: bool) -> None:
    import mlflow

    trained.register()
    client, tag = mlflow.MlflowClient(), "mlflow.modelVersions"
    (model,) = client.search_logged_models([runs_of(trained)[0].info.experiment_id])
    if killed:  # between the version and this tag
        client.delete_logged_model_tag(model.model_id, tag)
        trained.register()
    said = json.loads(client.get_logged_model(model.model_id).tags[tag])
    assert [(of["name"], int(of["version"])) for of in said] == [("galaxy-shape", 1)]


def test_all_metrics_are_read_of_a_version_from_before_their_table(trained: Trained) -> None:
    import mlflow

    trained.register()
    registry = Registry(trained.workspace)
    (info,) = registry.versions("galaxy-shape")
    table = next((trained.workspace.home / "mlartifacts").rglob("metrics.csv"))
    assert table.read_text().splitlines()[1].startswith("rmse_over_crb.snr60.flux,")
    table.unlink()
    assert registry.metrics("galaxy-shape", info) == {"rmse_over_crb.snr60.flux": 1.2}
    mlflow.MlflowClient().log_metric(info.run_id, "rmse_over_crb.snr60.g1.low", 1.1)
    assert registry.metrics("galaxy-shape", info)["rmse_over_crb.snr60.g1.low"] == 1.1
