"""The steps of the main job as Prefect tasks: each calls one component and says in one line what it came to.

Every step finds out by itself whether its work is done already, so that it can be killed and run again at any point.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from components.core import AssayError, ProblemSettings, markdown_table
from components.fields import Dataset, Report
from components.ledger import PRODUCTION
from components.packages import request_items, sample
from flows import console
from flows.failures import noted
from flows.job import Job

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A step as Prefect runs it, and as it runs by itself.

    Args:
        function: returns its result and a line about it.
        name: as it is shown.
        retries: how often it is tried again after an error that is not Assay's own word.
        has_bar: whether it shows its own progress bar.
        stage: where the promotion goes that it is a part of.
    """

    def __init__(
        self,
        function: Callable[P, tuple[R, str]],
        *,
        name: str,
        retries: int = 0,
        has_bar: bool = False,
        stage: str = "",
    ) -> None:
        self._function, self._name, self._has_bar = function, name, has_bar
        self._task = task(
            name=name,
            task_run_name=f"{name} ({stage})" if stage else name,
            retries=retries,
            retry_delay_seconds=2,
            retry_condition_fn=_worth_retrying,
            cache_policy=NO_CACHE,  # steps know themselves what is done
            persist_result=False,
        )(_with_its_line(function))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it as a task of the flow around it."""
        return self._shown(self._in_prefect, *args, **kwargs)

    def plainly(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it without Prefect, for the commands that are one step only."""
        return self._shown(self._function, *args, **kwargs)

    def _in_prefect(self, *args: P.args, **kwargs: P.kwargs) -> tuple[R, str]:
        finished: Any = self._task(*args, **kwargs)
        found: tuple[R, str] = finished.result()
        return found

    def _shown(self, run: Callable[P, tuple[R, str]], *args: P.args, **kwargs: P.kwargs) -> R:
        with noted(self._name):
            return console.take_step(self._name, lambda: run(*args, **kwargs), spinner=not self._has_bar)


def step(*, retries: int = 0, has_bar: bool = False) -> Callable[[Callable[P, tuple[R, str]]], Step[P, R]]:
    """Make a `Step` of a function; see there."""
    return lambda function: Step(function, name=function.__name__, retries=retries, has_bar=has_bar)


def tell(part: str, stage: str, work: Callable[[], tuple[R, str]]) -> R:
    """A part of a promotion as a step of the flow around it: a `components.lifecycle.parts.Teller`."""
    return Step(work, name=part, retries=0 if part == "gate" else 1, stage=stage)()


def show(problem: str) -> Callable[[str, str], None]:
    """What keeps the verdicts for a stage as an artifact of the flow: a `components.lifecycle.parts.Shower`."""

    def keep(stage: str, page: str) -> None:
        create_markdown_artifact(page, key=f"{problem}-gates-{stage}", description=f"the gates' verdicts for {stage}")

    return keep


def keep_report(problem: str, report: Report) -> None:
    """Keep the final table as an artifact of the flow."""
    page = f"# {report.title}\n\n{markdown_table(report.columns, report.rows)}"
    create_markdown_artifact(page, key=f"{problem}-report", description="the final table of the main job")


def _with_its_line(function: Callable[P, tuple[R, str]]) -> Callable[P, Any]:
    """The function, with its line as the message of the state that Prefect logs and shows."""

    @wraps(function)
    def finished(*args: P.args, **kwargs: P.kwargs) -> Any:
        result, said = function(*args, **kwargs)
        return Completed(message=said, data=(result, said))

    return finished


def _worth_retrying(_task: Any, _run: Any, state: Any) -> bool:
    """A refusal stays one; a busy database or a slow start may pass."""
    return not isinstance(state.result(raise_on_failure=False), AssayError)


@step(has_bar=True)
def simulate(job: Job) -> tuple[Dataset, str]:
    """Draw the dataset, or find it."""
    from components.data import check_cache, restore, simulate

    job.workspace.require_writable_clone()
    check_cache(job.workspace)
    if not job.workspace.dataset(job.problem_name).exists():
        try:
            restore(job.workspace, job.problem_name)  # a clone with a DVC remote need not draw again
        except AssayError as error:
            console.err.print(f"  the remote cannot be used, so the data is drawn anew: {error}")
    dataset = simulate(job.workspace, job.problem, job.settings.simulate)
    return dataset, f"{len(dataset.catalogue):,} images, digest {dataset.digest[:12]}"


@step()
def validate(job: Job, dataset: Dataset) -> tuple[str, str]:
    """Check a new dataset with Great Expectations; a published one has passed."""
    if dataset.folder == job.workspace.dataset(job.problem_name):
        return "", "unchanged since it passed"
    from components.data import require_valid, validate

    validation = validate(job.workspace, job.problem, dataset, job.settings.simulate)
    require_valid(validation)
    docs = validation.docs.relative_to(job.workspace.home)
    return str(
        validation.docs
    ), f"{validation.checked} expectations met, {job.workspace.home.name}/{docs.parts[0]} has the report"


@step(retries=1)
def version(job: Job, dataset: Dataset) -> tuple[tuple[Dataset, str], str]:
    """Publish the dataset under data/ and version it with DVC."""
    from components.data import publish, version_data

    published = publish(job.workspace, dataset)
    versioned = version_data(job.workspace, job.problem_name)
    said = "data.dvc changed: commit it" if versioned.changed else "data.dvc unchanged"
    return (published, versioned.md5), f"md5 {versioned.md5[:12]}, {said}{', pushed' if versioned.pushed else ''}"


@step(retries=1, has_bar=True)
def search(job: Job, dataset: Dataset) -> tuple[ProblemSettings, str]:
    """Find the network and its parameters: the settings with them."""
    from flows.searching import best_lines, counted, search, shown

    winner = search(job, dataset)
    for line in best_lines(winner):
        console.err.print(f"  {line}", markup=False)
    return job.settings.searched(winner.parameters), f"{counted(winner)}: {shown(winner.parameters)}"


@step(has_bar=True)
def train(job: Job, dataset: Dataset, settings: ProblemSettings) -> tuple[Path, str]:
    """Train with what these settings say."""
    from components.registry import TrainingLog
    from components.training import train
    from models.descriptions import read_description

    log = TrainingLog(job.workspace, job.problem, dataset, settings, source=job.source)
    folder = train(job.workspace, job.problem, dataset, settings, source=job.source, on_epoch=log.add)
    description = read_description(folder)
    log.finish(description["history"])
    last = description["history"][-1]
    return folder, (
        f"{last['number']} epochs, validation loss {last['validation_loss']:.3f}, "
        f"weights {description['weights_sha256'][:12]}"
    )


@step(has_bar=True)
def evaluate(job: Job, dataset: Dataset, model: Path) -> tuple[Path, str]:
    """Gather the evidence against the bound."""
    from components.evidence import evaluate, write_results

    evidence = evaluate(job.workspace, job.problem, model, dataset, job.settings)
    write_results(job.workspace, job.problem, model, evidence)
    return evidence.folder, f"{len(evidence.metrics)} metrics, {evidence.summary}"


@step(retries=1)
def register(job: Job, dataset: Dataset, model: Path, evaluation: Path, data_md5: str, actor: str) -> tuple[int, str]:
    """Register the model with MLflow as a candidate."""
    from components.evidence import read_evidence
    from components.lifecycle import register

    number = register(
        job.workspace,
        job.problem,
        job.settings,
        dataset,
        model_folder=model,
        evidence=read_evidence(evaluation),
        data_md5=data_md5,
        actor=actor,
    )
    return number, f"{job.problem_name} version {number}"


@step(has_bar=True)
def honesty(job: Job, dataset: Dataset, number: int) -> tuple[Path, str]:
    """Measure the version's biases, which takes a night."""
    from components.lifecycle import measure_version

    table = measure_version(job.workspace, job.problem, job.settings, dataset, number)
    return table.folder, f"table {table.digest[:12]}, {table.summary}"


@step(retries=1)
def predict(job: Job, dataset: Dataset) -> tuple[dict[str, Any], str]:
    """Ask the production package for one prediction, over HTTP, as a user would."""
    from components.lifecycle import deployed
    from components.packages import request, served

    now = deployed(job.workspace, job.problem_name, PRODUCTION)
    inputs = sample(job.problem, dataset, job.settings, 1)
    with served(job.workspace, now.package, environment=now.variables) as url:
        answer = request(url, request_items(inputs))
    return answer, f"answered by version {answer['model']['version']}, id {answer['predictions'][0]['id']}"
