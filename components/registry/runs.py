"""The one MLflow run of a model: its training's epochs, and once it is registered everything that is known of it.

    run_id, model_id = log_run(client, experiment_id, record, training=find_training(client, experiment_id, key, place))

Only this wing uses it. `training_log.py` begins the run; registration goes on in it, or begins one where there is none.
Its tags come first, so that one left half-done by a killed process is found by them, and removed with `delete_run`.
"""

import csv
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import HOUSE
from models.fields import Field

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import Metric as Logged
    from mlflow.entities import Param, Run
    from mlflow.models import ModelSignature

    from components.fields import Metric

_BATCH = 1000
"""MLflow takes so many metrics in one call."""
_DIGEST_LENGTH = 36
"""MLflow refuses a longer digest of a dataset; the version's tags hold the whole one."""
TRAINING_TAG = "training.key"
"""The tag of a run that names its training's inputs."""
PLACE_TAG = "place"
"""The tag of a run that names the state folder which it was logged from."""
WEIGHTS_TAG = "weights.sha256"
"""The tag of a run that is a model's, and not of its training alone."""
METRICS = "metrics.csv"
"""A run's table of all metrics with their intervals; MLflow draws a chart for each of its own."""
_NOTE = """\
{name}: among the artifacts, `evaluation/card.html` is the model card, `metrics.csv` has all metrics with 95 %
intervals, and `gates/` the verdicts of the last promotion to each stage."""


@dataclass(frozen=True, kw_only=True)
class DatasetSource:
    """The dataset behind the evidence, as MLflow records it."""

    name: str
    digest: str
    """Its key or DVC's md5, of which MLflow shows the first 36 characters."""
    path: Path


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is logged of one model."""

    name: str
    """Name of the run."""
    tags: Mapping[str, str]
    params: Mapping[str, Any]
    metrics: Mapping[str, "Metric"]
    headline: Collection[str]
    """The metrics that MLflow shows as its own."""
    history: Sequence[Mapping[str, Any]]
    """The training's epochs."""
    dataset: DatasetSource
    model_folder: Path
    evaluation_folder: Path
    inputs: Sequence[Field]
    outputs: Sequence[Field]
    """The model's fields."""
    input_example: "Mapping[str, np.ndarray[Any, Any]]"


def find_training(client: "MlflowClient", experiment_id: str, key: str, place: str) -> "Run | None":
    """The run of a training from this state folder; None when there is none."""
    found = client.search_runs([experiment_id], f"tags.`{TRAINING_TAG}` = '{key}' AND tags.`{PLACE_TAG}` = '{place}'")
    return found[0] if found else None


def shown_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """A run's tags, with those under which MLflow's pages show the same."""
    return {**tags, "mlflow.source.git.commit": tags.get("git.commit", ""), "mlflow.source.name": "assay"}


def shown_params(values: Mapping[str, Any]) -> "list[Param]":
    """Parameters as MLflow has them: it refuses another text for the same one, and settings come in any order."""
    from mlflow.entities import Param

    return [Param(name, str(json.loads(json.dumps(value, sort_keys=True)))) for name, value in values.items()]


def log_run(
    client: "MlflowClient", experiment_id: str, record: RunRecord, *, training: "Run | None"
) -> tuple[str, str]:
    """Log a model.

    Args:
        client: where.
        experiment_id: of the problem.
        record: what is known of it.
        training: the run of its training, in which it is logged; a new one where there is none.

    Returns:
        The run's id and the logged model's.
    """
    from mlflow.entities import RunTag

    tags = shown_tags(record.tags) | {"mlflow.note.content": _NOTE.format(name=record.name)}
    if training is None:
        training = client.create_run(experiment_id, run_name=record.name, tags=tags)
    run_id = str(training.info.run_id)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])
    client.update_run(run_id, name=record.name)
    log_epochs(client, run_id, record.history)
    client.log_artifacts(run_id, str(record.evaluation_folder), "evaluation")
    client.log_text(run_id, _table_of(record), METRICS)
    model_id = _log_model(run_id, record)
    # After the model: to it these belong, and to a dataset; the epochs are the training's.
    _log_values(client, run_id, model_id, record)
    client.set_terminated(run_id)
    return run_id, model_id


def delete_run(client: "MlflowClient", run: "Run", check_owned: Callable[[str], None]) -> None:
    """Remove a run that was not finished, its models and all their files; its row stays until `mlflow gc`.

    Args:
        client: whose it is.
        run: the run.
        check_owned: refuses a location whose files may not be deleted, by an error; asked before anything is.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    run_id = run.info.run_id
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run_id}'")
    locations = [run.info.artifact_uri, *(model.artifact_location for model in models)]
    for location in locations:
        check_owned(location)
    for location in locations:
        get_artifact_repository(location).delete_artifacts()  # type: ignore[no-untyped-call]
    for model in models:
        client.delete_logged_model(model.model_id)
    client.delete_run(run_id)


def log_epochs(client: "MlflowClient", run_id: str, history: Sequence[Mapping[str, Any]]) -> None:
    """Log the epochs of a training that a run does not have yet."""
    if not history:
        return
    logged = {metric.step for metric in client.get_metric_history(run_id, "validation_loss")}
    missing = [metric for epoch in history if epoch["number"] not in logged for metric in _metrics_of(epoch)]
    for start in range(0, len(missing), _BATCH):
        client.log_batch(run_id, metrics=missing[start : start + _BATCH])


def read_metrics(table: Path) -> dict[str, float]:
    """The metrics of a run's table, the ends of intervals as `<name>.low` and `<name>.high`."""
    with table.open(encoding="utf-8", newline="") as file:
        return {
            f"{row['metric']}{suffix}": float(row[column])
            for row in csv.DictReader(file)
            for suffix, column in (("", "value"), (".low", "low"), (".high", "high"))
        }


def _table_of(record: RunRecord) -> str:
    """The headline first: MLflow's page shows 500 rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("metric", "value", "low", "high"))
    for name in dict.fromkeys((*record.headline, *record.metrics)):
        of = record.metrics[name]
        writer.writerow((name, float(of.value), float(of.low), float(of.high)))
    return text.getvalue()


def _metrics_of(epoch: Mapping[str, Any]) -> "list[Logged]":
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, epoch["number"]) for name, value in epoch.items() if name != "number"]


def _log_model(run_id: str, record: RunRecord) -> str:
    import mlflow

    with tempfile.TemporaryDirectory() as scratch, mlflow.start_run(run_id=run_id):
        # MLflow keeps the folder's own name, and the registry has to know it.
        folder = shutil.copytree(record.model_folder, Path(scratch) / "model")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("logged_model.py")),
            artifacts={"model": str(folder)},
            code_paths=[str(HOUSE / "models")],
            signature=_signature(record.inputs, record.outputs),
            input_example=dict(record.input_example),
            pip_requirements=_requirements(),
        )
    return str(info.model_id)


def _requirements() -> list[str]:
    """The exact versions that a copy of the model needs, without local labels: `+cpu` is one machine's build."""
    names = ("torch", "numpy", "scipy", "safetensors", "mlflow")
    return [f"{name}=={installed_version(name).split('+')[0]}" for name in names]


def _signature(inputs: Sequence[Field], outputs: Sequence[Field]) -> "ModelSignature":
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(fields: Sequence[Field]) -> Schema:
        return Schema([TensorSpec(np.dtype("float32"), (-1, *of.shape), of.name) for of in fields if not of.optional])

    return ModelSignature(inputs=schema(inputs), outputs=schema(outputs))


def _log_values(client: "MlflowClient", run_id: str, model_id: str, record: RunRecord) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    now = int(time.time() * 1000)
    name, digest = record.dataset.name, record.dataset.digest[:_DIGEST_LENGTH]
    values = {key: float(record.metrics[key].value) for key in record.headline}
    metrics = [Metric(key, value, now, 0, model_id, name, digest) for key, value in values.items()]
    client.log_batch(run_id, metrics=metrics, params=shown_params(record.params))
    # The form in which `mlflow.data.get_source` finds a folder again.
    source = json.dumps({"uri": str(record.dataset.path)})
    dataset = Dataset(name=name, digest=digest, source_type="local", source=source)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])])
