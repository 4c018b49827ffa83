"""What somebody renamed or deleted on MLflow's own pages: refused with the way back, or brought back.

    check_name(mlflow, "galaxy-shape")                      # the registered model has another name now
    experiment = find_experiment(client, "galaxy-shape")    # refuses a deleted one
    bring_back(client, "galaxy-shape")                      # what `assay reconcile` does

Only this wing uses it. MLflow keeps what is deleted until `mlflow gc`; until then nothing is lost.
"""

from typing import TYPE_CHECKING

from components.core import AssayError
from components.registry.reading import Reading
from components.registry.versions import search_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

PROBLEM_TAG = "problem"
"""Of a registered model and an experiment: by it one is known whose name was changed."""
_DELETED = "deleted"


def check_name(mlflow: Reading, problem: str) -> None:
    """See that the registered model of a problem does not go by another name.

    Raises:
        AssayError: when it does.
    """
    for name in mlflow.names_tagged(PROBLEM_TAG, problem):
        if name != problem:
            raise AssayError(
                f"the registered model {problem} was renamed to {name} in MLflow: rename it back there, "
                f"as in `MlflowClient().rename_registered_model({name!r}, {problem!r})`"
            )


def find_experiment(client: "MlflowClient", problem: str) -> "Experiment | None":
    """The experiment of a problem; None when it has none yet.

    Raises:
        AssayError: when it was deleted or renamed.
    """
    found = client.get_experiment_by_name(problem)
    if found is not None and found.lifecycle_stage == _DELETED:
        raise AssayError(f"the experiment {problem} was deleted in MLflow: `assay reconcile {problem}` brings it back")
    if found is None:
        for other in client.search_experiments(filter_string=f"tags.`{PROBLEM_TAG}` = '{problem}'"):
            raise AssayError(
                f"the experiment {problem} was renamed to {other.name} in MLflow: rename it back there, "
                f"as in `MlflowClient().rename_experiment({other.experiment_id!r}, {problem!r})`"
            )
    return found


def bring_back(client: "MlflowClient", problem: str) -> list[str]:
    """Restore a problem's experiment and the runs of its versions, where they were deleted.

    Returns:
        What was brought back.
    """
    from mlflow.entities import ViewType

    found = client.get_experiment_by_name(problem)
    if found is None:
        return []
    said = []
    if found.lifecycle_stage == _DELETED:
        client.restore_experiment(found.experiment_id)
        said.append(f"the experiment {problem}")
    versions = {str(one.run_id): one.version for one in search_versions(client, f"name = '{problem}'")}
    for run in client.search_runs([found.experiment_id], run_view_type=ViewType.DELETED_ONLY):
        if run.info.run_id in versions:  # the runs of killed registrations were deleted by us
            client.restore_run(run.info.run_id)
            said.append(f"the run of version {versions[run.info.run_id]}")
    return said
