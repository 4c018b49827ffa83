"""A search in MLflow: a run of its own, one within for each trial, each logged once, and a picture."""

from typing import Any

from matplotlib.figure import Figure

from components.core.workspace import Workspace
from components.problems import find_problem
from components.registry.search_log import SEARCH_TAG, SearchLog
from components.training.searches.records import TrialRecord

PROBLEM = find_problem("galaxy-shape")
STUDY = "galaxy-shape, 320 images (0123456789ab)"


def record(number: int, state: str = "COMPLETE") -> TrialRecord:
    failed = state == "FAIL"
    return TrialRecord(
        number=number,
        place=number,
        state=state,
        loss=None if failed else -1.5 - number,
        parameters={"width": 8, "learning_rate": 0.002},
        chosen_by="TPE",
        losses={} if failed else {1: 0.5, 2: -1.5 - number},
        seed=17,
        data="d" * 64,
        commit="c" * 40,
        device="cpu of somewhere",
        seconds=12.5,
        images=8192,
        why="its process died" if failed else "",
    )


def runs() -> list[Any]:
    import mlflow

    client = mlflow.MlflowClient()
    (experiment,) = client.search_experiments(filter_string="name = 'galaxy-shape'")
    return list(client.search_runs([experiment.experiment_id]))


def test_each_trial_is_a_run_within_the_searchs_and_is_logged_once(workspace: Workspace) -> None:
    import mlflow

    SearchLog(workspace, PROBLEM, STUDY).add(record(0))
    log = SearchLog(workspace, PROBLEM, STUDY)  # after a kill
    for number in (0, 1):
        log.add(record(number))
    records = [record(0), record(1), record(2, "FAIL")]
    for _ in range(2):
        SearchLog(workspace, PROBLEM, STUDY).finish(records, Figure)
    found = runs()
    (search,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert (search.info.status, search.data.metrics["validation_loss"]) == ("FINISHED", -2.5)
    assert search.data.metrics["seconds"] == 37.5
    trials = sorted((run for run in found if run is not search), key=lambda run: int(run.data.tags["search.trial"]))
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {search.info.run_id}
    assert {run.data.tags[SEARCH_TAG] for run in found} == {STUDY}
    assert [run.info.status for run in trials] == ["FINISHED", "FINISHED", "FAILED"]
    said = trials[1].data
    assert {name: said.tags[name] for name in ("search.trial", "data.digest", "git.commit", "device")} == {
        "search.trial": "1", "data.digest": "d" * 64, "git.commit": "c" * 40, "device": "cpu of somewhere",
    }  # fmt: skip
    assert said.params == {"train.width": "8", "train.learning_rate": "0.002", "search.seed": "17"}
    assert (said.metrics["seconds"], said.metrics["images"]) == (12.5, 8192)
    client = mlflow.MlflowClient()
    assert [of.step for of in client.get_metric_history(trials[1].info.run_id, "validation_loss")] == [1, 2]
    assert [file.path for file in client.list_artifacts(search.info.run_id)] == ["search.png"]


def test_a_finished_search_with_nothing_new_draws_nothing(workspace: Workspace) -> None:
    def draw() -> Figure:
        raise AssertionError("drawn again")

    SearchLog(workspace, PROBLEM, STUDY).finish([record(0)], Figure)
    SearchLog(workspace, PROBLEM, STUDY).finish([record(0)], draw)
    assert len(runs()) == 2
