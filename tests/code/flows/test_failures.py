"""Whoever is to be told hears of a retraining that fails, once, with the step; of what promotions tell, from them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import AssayError, RefusedError
from components.core.workspace import Workspace
from components.lifecycle import Due
from flows.job import Job

Events = list[dict[str, Any]]


@pytest.fixture
def told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Events:
    """The events that somebody would be told of; a retraining of the house around is due."""
    events: Events = []
    (workspace.home / "prefect").mkdir(parents=True)  # Prefect warns where its home is not there
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr("flows.failures.notify", lambda _workspace, _settings, event: events.append(dict(event)))
    monkeypatch.setattr("flows.retrain.due", lambda *_: Due(reasons=("the simulator changed",)))
    return events


def retraining(monkeypatch: pytest.MonkeyPatch, main_job: Callable[[], Any]) -> dict[str, Any]:
    from flows.retrain import retrain

    monkeypatch.setattr("flows.retrain.run_main_job", lambda _job, _actor: main_job())
    return dict(retrain.fn("galaxy-shape").data)


def raising(error: BaseException) -> Callable[[], Any]:
    def work() -> Any:
        raise error

    return work


def failing_in(step: str, error: BaseException) -> Callable[[], Any]:
    """A main job whose step of that name fails."""
    from flows.steps import Step

    return Step(raising(error), name=step, retries=0, has_bar=True).plainly


@pytest.mark.parametrize("step", ["simulate", "version", "search", "train", "evaluate", "register", "predict"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (AssayError, "the disk is full: free some"),
        (RuntimeError, "unexpected RuntimeError: the disk is full: free some: add --debug to see where"),
    ],
)
def test_a_step_that_fails_is_told_of_and_the_error_goes_on(
    told: Events, monkeypatch: pytest.MonkeyPatch, step: str, kind: type[Exception], reason: str
) -> None:
    error = kind("the disk\nis full: free some")
    with pytest.raises(kind) as raised:
        retraining(monkeypatch, failing_in(step, error))
    assert raised.value is error
    expected = {"event": "failed", "problem": "galaxy-shape", "size": "demo", "step": step, "reason": reason}
    assert told == [expected]


def test_data_that_validation_refuses_is_told_of_once(told: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = RefusedError("galaxy-shape.images: not_finite")
    assert retraining(monkeypatch, failing_in("validate", refusal))["outcome"] == f"production stays: {refusal}"
    assert [(event["step"], event["reason"]) for event in told] == [("validate", str(refusal))]


def test_what_a_promotion_refuses_it_tells_of_itself(told: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.failures import PROMOTION, noted

    def main_job() -> None:
        with noted(PROMOTION):
            failing_in("gate", RefusedError("the gates say no"))()

    assert retraining(monkeypatch, main_job)["outcome"] == "production stays: the gates say no"
    assert told == []


def test_what_breaks_within_a_promotion_is_told_of(told: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promotions tell of what they refuse, not of what nobody foresaw."""
    from flows.failures import PROMOTION, noted

    def main_job() -> None:
        with noted(PROMOTION):
            failing_in("package", MemoryError("no room"))()

    with pytest.raises(MemoryError):
        retraining(monkeypatch, main_job)
    assert [event["step"] for event in told] == ["package"]


def test_the_main_job_says_what_comes_of_a_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    """By that it is known who tells of it."""
    from unittest import mock

    from flows import main_job
    from flows.failures import PROMOTION, steps_of

    for name in ("steps", "Job", "read_evidence"):
        monkeypatch.setattr(main_job, name, mock.MagicMock())
    monkeypatch.setattr("flows.main_job.steps.version", lambda *_: ("dataset", "md5"))
    promotion = mock.MagicMock()
    promotion.advance.side_effect = RefusedError("no")
    monkeypatch.setattr(main_job, "Promotion", lambda *_: promotion)
    with pytest.raises(RefusedError) as raised:
        main_job.main_job.fn("galaxy-shape")
    assert steps_of(raised.value) == (PROMOTION,)


def test_a_retraining_that_cannot_tell_whether_it_is_due_is_told_of(
    told: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.retrain.due", lambda *_: raising(AssayError("MLflow does not answer"))())
    with pytest.raises(AssayError):
        retraining(monkeypatch, lambda: None)
    assert [(event["step"], event["reason"]) for event in told] == [("due", "MLflow does not answer")]


def test_an_interrupted_retraining_is_not_told_of(told: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        retraining(monkeypatch, failing_in("train", KeyboardInterrupt()))
    assert told == []


def test_an_error_outside_of_every_step_has_none(told: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssayError):
        retraining(monkeypatch, raising(AssayError("another assay command is working on galaxy-shape")))
    assert [sorted(event) for event in told] == [["event", "problem", "reason", "size"]]


def test_telling_goes_through_the_outbox(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import json

    from flows.failures import telling_failures

    monkeypatch.setenv("ASSAY_NOTIFY_URL", "http://127.0.0.1:9/hook")
    monkeypatch.setattr("components.lifecycle.notifications.subprocess.Popen", lambda *_, **__: None)
    job = Job(workspace=workspace, problem_name="galaxy-shape", size="demo", overrides={})
    with pytest.raises(AssayError), telling_failures(job):
        raise AssayError("no")
    (letter,) = (workspace.home / "outbox").glob("[!.]*.json")
    body = json.loads(letter.read_text())["body"]
    assert (body["event"], body["reason"]) == ("failed", "no")
