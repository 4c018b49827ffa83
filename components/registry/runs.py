"""The MLflow run behind one registered version: everything that is known of a model, logged in few calls.

    run_id, model_id = log_run(client, experiment_id, record)

Only this wing uses it. A run has its tags from its first moment, so that one left half-done by a killed
process is found by them, and removed with `delete_run`.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import HOUSE
from models.fields import Field

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.models import ModelSignature

    from components.fields import Metric

_BATCH = 900
"""MLflow takes 1,000 metrics, parameters and tags in one call, 100 of them parameters."""
_DIGEST_LENGTH = 36
"""MLflow refuses a longer digest of a dataset; the version's tags hold the whole one."""


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
    dataset: DatasetSource
    model_folder: Path
    evaluation_folder: Path
    inputs: Sequence[Field]
    outputs: Sequence[Field]
    """The model's fields."""
    input_example: "Mapping[str, np.ndarray[Any, Any]]"


def log_run(client: "MlflowClient", experiment_id: str, record: RunRecord) -> tuple[str, str]:
    """Log a run with its model.

    Returns:
        The run's id and the logged model's.
    """
    # MLflow's run page shows the commit under this name.
    tags = {**record.tags, "mlflow.source.git.commit": record.tags.get("git.commit", "")}
    run_id = client.create_run(experiment_id, run_name=record.name, tags=tags).info.run_id
    client.log_artifacts(run_id, str(record.evaluation_folder), "evaluation")
    model_id = _log_model(run_id, record)
    # After the model: MLflow copies the metrics that a run has to its new model with one query each.
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
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    now = int(time.time() * 1000)
    values = {
        f"{name}{suffix}": number
        for name, metric in record.metrics.items()
        for suffix, number in (("", metric.value), (".low", metric.low), (".high", metric.high))
    }
    name, digest = record.dataset.name, record.dataset.digest[:_DIGEST_LENGTH]
    metrics = [Metric(key, float(value), now, 0, model_id, name, digest) for key, value in values.items()]
    params = [Param(key, str(value)) for key, value in record.params.items()]
    client.log_batch(run_id, metrics=metrics[:_BATCH], params=params)
    for start in range(_BATCH, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
    # The form in which `mlflow.data.get_source` finds a folder again.
    source = json.dumps({"uri": str(record.dataset.path)})
    dataset = Dataset(name=name, digest=digest, source_type="local", source=source)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "evaluation")])])
