"""Commands that make models and measure them: run, simulate, validate, search, train, evaluate, honesty."""

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import answers, console
from flows.commands.options import AsJson, ProblemName, Size

if TYPE_CHECKING:
    from flows.job import Job

Parameters = Annotated[
    Path | None, typer.Option(help="JSON file of parameters in place of params.yaml's, as `assay checkout` writes it.")
]
Out = Annotated[Path | None, typer.Option(help="Copy the result into this folder (as `dvc repro` does).")]


def run(problem: ProblemName, size: Size = "demo", as_json: AsJson = False) -> None:
    """Run the main job: from simulated data to a model in production and one served prediction."""
    from flows.job import Job

    job = Job.open(problem, size)
    with job.alone():
        job.require_registry()  # before Prefect's server, which takes longer to start
    from flows.server import prefect_server

    with prefect_server(job.workspace):
        from flows.main_job import run_main_job

        result = run_main_job(job)
    report, answer = result["report"], result["answer"]
    if as_json:
        console.print_json({"version": result["version"], "report": dataclasses.asdict(report), "answer": answer})
        return
    console.out.print()
    console.print_table(report.title, report.columns, report.rows, grouped=True)
    answers.show("one image of the test split", answer["predictions"][0], answer)
    answers.show_source(answer)
    console.out.print("\nNext, with `source .venv/bin/activate`:")
    console.out.print(f"  assay serve {problem}      answer requests with the production model")
    console.out.print(f"  assay history {problem}    who promoted what, when and why")
    console.out.print("  assay ui                     MLflow, Prefect, Optuna and the data's quality, in a browser")


def simulate(
    problem: ProblemName,
    count: Annotated[int | None, typer.Option(help="Images, instead of params.yaml's number.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, instead of params.yaml's.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Draw again what is there already.")] = False,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Draw a dataset, validate it, publish it under data/ and version it."""
    given = {"count": count, "seed": seed}
    job = _open(problem, size, simulate={key: value for key, value in given.items() if value is not None})
    from components.data import simulate as draw
    from flows import steps  # with Prefect, which warns unless the state folder is there

    with job.alone():
        if force:
            dataset = draw(job.workspace, job.problem, job.settings.simulate, force=True)
        else:
            dataset = steps.simulate.plainly(job)
        docs = steps.validate.plainly(job, dataset)
        dataset, md5 = steps.version.plainly(job, dataset)
    if as_json:
        console.print_json({"folder": dataset.folder, "digest": dataset.digest, "md5": md5, "docs": docs})


def validate(problem: ProblemName, size: Size = "demo", as_json: AsJson = False) -> None:
    """Check every byte of the published dataset, and what it holds with Great Expectations."""
    from components.data import require_valid
    from components.data import validate as check

    job = _open(problem, size)
    validation = check(job.workspace, job.problem, job.published(whole=True), job.settings.simulate)
    if as_json:
        console.print_json(dataclasses.asdict(validation))
    require_valid(validation)
    if not as_json:
        console.out.print(f"{problem}: {validation.checked} expectations met, {validation.docs}")


def search(
    problem: ProblemName,
    trials: Annotated[int | None, typer.Option(help="Trials, instead of params.yaml's number.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes of this machine, each with a GPU of its own where there are GPUs.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Dask scheduler whose workers run the trials, such as tcp://HOST:8786 (ASSAY_DASK_URL)."),
    ] = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Search networks and their parameters; prints what to put into params.yaml."""
    from flows.searching import best_lines, counted
    from flows.searching import search as look

    given = {"trials": trials, "workers": workers}
    job = _open(problem, size, search={key: value for key, value in given.items() if value is not None})
    with job.alone():
        winner = look(job, job.published(), scheduler=scheduler)
    if as_json:
        console.print_json(dataclasses.asdict(winner))
        return
    for line in best_lines(winner):
        console.out.print(line, markup=False)
    console.out.print(f"{counted(winner)}, best validation loss {winner.loss:.3f}:")
    for name, value in winner.parameters.items():
        console.out.print(f"  {name}: {value}")


def train(
    problem: ProblemName,
    network: Annotated[str | None, typer.Option(help="Network, instead of params.yaml's.")] = None,
    parameters: Parameters = None,
    out: Out = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Train with the parameters of params.yaml, evaluate, and register as a candidate; with --out only train."""
    given = _read_parameters(parameters)
    chosen = {} if network is None else {"network": network}
    job = _open(problem, size, simulate=given.get("simulate", {}), train=given.get("train", {}) | chosen)
    from components.data import version_data
    from components.ledger import CANDIDATE, STAGING, open_ledger, whoami
    from flows import steps  # with Prefect, which warns unless the state folder is there

    with job.alone():
        dataset = job.published()
        model = steps.train.plainly(job, dataset, job.settings)
        if out is not None:
            _copy(model, out)
            result: dict[str, Any] = {"model": out}
        else:
            evaluation = steps.evaluate.plainly(job, dataset, model)
            md5 = version_data(job.workspace, problem).md5
            version = steps.register.plainly(job, dataset, model, evaluation, md5, whoami())
            result = {"version": version, "model": model}
    if as_json:
        console.print_json(result)
    elif out is None:
        stage = open_ledger(job.workspace).stage_of(problem, version)
        said = f"next: assay promote {problem} {version} --to {STAGING} --reason …" if stage == CANDIDATE else ""
        console.out.print(said or f"{problem} version {version} is in {stage} already")


def evaluate(
    problem: ProblemName,
    version: Annotated[str, typer.Argument(help="Number of a registered version, or a model's folder.")],
    out: Out = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE in the `evaluate` section, instead of params.yaml's; once for each."),
    ] = None,
    parameters: Parameters = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Measure a model against the bound, on the published dataset."""
    from components.evidence import evaluate as measure
    from components.evidence import write_results
    from components.lifecycle import model_files

    given = dict(_setting(text) for text in chosen or ())
    job = _open(problem, size, simulate=_read_parameters(parameters).get("simulate", {}), evaluate=given)
    model = model_files(job.workspace, problem, int(version)) if version.isdecimal() else Path(version).resolve()
    evidence = measure(job.workspace, job.problem, model, job.published(), job.settings)
    if out is not None:
        _copy(evidence.folder, out)
        write_results(job.workspace, job.problem, model, evidence)
    if as_json:
        metrics = {name: dataclasses.asdict(metric) for name, metric in evidence.metrics.items()}
        console.print_json({"folder": evidence.folder, "digest": evidence.digest, "metrics": metrics})
        return
    console.print_table(evidence.report.title, evidence.report.columns, evidence.report.rows, grouped=True)
    console.out.print(f"card, plots, tables and metrics: {out or evidence.folder}")


def honesty(
    problem: ProblemName,
    version: Annotated[int | None, typer.Argument(help="Number of a version (default: production's).", min=1)] = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Measure a version's biases over night: promotions to production read the table."""
    from components.core import AssayError
    from components.ledger import PRODUCTION, open_ledger
    from components.lifecycle import measure_version

    job = _open(problem, size)
    measured = version or open_ledger(job.workspace).holder(problem, PRODUCTION)
    if measured is None:
        raise AssayError(f"{problem} has nothing in production: name a version, as `assay models` lists them")
    table = measure_version(job.workspace, job.problem, job.settings, job.published(), measured)
    if as_json:
        metrics = {name: dataclasses.asdict(metric) for name, metric in table.metrics.items()}
        console.print_json({"folder": table.folder, "digest": table.digest, "metrics": metrics})
        return
    console.print_table(table.report.title, table.report.columns, table.report.rows)
    console.out.print(f"version {measured}, table {table.digest[:12]}: {table.summary}")
    console.out.print(f"tables and plots: {table.folder}; the card has them, too")


def _open(problem: str, size: str, **overrides: dict[str, Any]) -> "Job":
    from flows.job import Job

    return Job.open(problem, size, overrides={section: values for section, values in overrides.items() if values})


def _setting(text: str) -> tuple[str, Any]:
    """A setting's name and its value, read as params.yaml would read it."""
    import yaml

    name, equals, value = text.partition("=")
    wrong = typer.BadParameter(f"--set {text}: must be NAME=VALUE")
    if not equals:
        raise wrong
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise wrong from error


def _read_parameters(path: Path | None) -> dict[str, dict[str, Any]]:
    """The `simulate` and `train` sections of a file that `assay checkout` wrote."""
    import json

    from components.core import AssayError

    if path is None:
        return {}
    try:
        sections = json.loads(path.read_text(encoding="utf-8"))
        return {section: dict(sections[section]) for section in ("simulate", "train")}
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise AssayError(f"{path} holds no parameters ({error}): `assay checkout` writes such a file") from error


def _copy(folder: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder, out)
