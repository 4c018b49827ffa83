"""Commands that answer: serve, predict; and verify, which is asked before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.ledger import PRODUCTION
from flows import console
from flows.commands.options import AsJson, Port, ProblemName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from components.core import Workspace
    from components.lifecycle import Deployed

Stage = Annotated[str, typer.Option(help="Whose version answers: staging or production.")]


def serve(problem: ProblemName, stage: Stage = PRODUCTION, port: Port = 3000) -> None:
    """Serve the package of a stage on this machine until Ctrl-C, and the next one when the stage changes."""
    from components.core import check_port_is_free, ended_by_signals
    from components.problems import known_name
    from flows.following import follow
    from flows.job import open_workspace

    check_port_is_free(port)  # before anything that takes longer
    name = known_name(problem)
    with ended_by_signals():
        follow(open_workspace(), name, stage, port=port)


def predict(
    problem: ProblemName,
    files: Annotated[
        list[Path], typer.Argument(help=".npy, FITS, PNG, TIFF or JPEG, of as many bands as the model takes.")
    ],
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="What stands beside every image, as NAME=NUMBER, or NAME=FILE where it is itself an image, a PSF say; "
            "once for each that the model asks for.",
        ),
    ] = None,
    stage: Stage = PRODUCTION,
    samples: Annotated[int, typer.Option(help="Joint draws from each posterior, for --json.", min=0)] = 0,
    url: Annotated[str | None, typer.Option(help="A server that runs already; otherwise one is started.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for maps of an answer: .npy each, and PNG of pictures in colour.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure images with the model of a stage."""
    from components.packages import request, served
    from components.problems import find_problem
    from flows.saved_maps import require_names, save_maps

    if samples and not as_json:
        raise typer.BadParameter(f"--samples {samples}: add --json, which shows them")
    if save is not None:
        require_names(save, files)
    read_image = find_problem(problem).read_image
    given = _conditions(conditions or (), read_image)
    items: list[dict[str, Any]] = [{"image": read_image(file).tolist(), **given} for file in files]
    if url is not None:
        answer = request(url, items, samples=samples)
    else:
        workspace, now = _deployed(problem, stage)
        if now.unwitnessed:
            console.err.print(now.unwitnessed, markup=False)
        with served(workspace, now.package, environment=now.variables) as started:
            answer = request(started, items, samples=samples)
    saved = save_maps(save, files, answer["predictions"]) if save is not None else []
    if as_json:
        console.print_json(answer)
        return
    for path in saved:
        console.err.print(f"saved {path}", markup=False)
    for file, prediction in zip(files, answer["predictions"], strict=True):
        console.out.print(f"\n{file}")
        console.print_prediction(prediction, answer, kept=save is not None)


def verify(
    package: Annotated[str, typer.Argument(help="Folder of a package, or a problem, whose production it is.")],
    key: Annotated[
        Path, typer.Option(help="Whose signature counts: an ed25519 public key in PEM.", envvar="ASSAY_PUBLIC_KEY")
    ],
    as_json: AsJson = False,
) -> None:
    """Verify a package's files and signature, and say where it is from; nothing of it is imported.

    Of a problem, MLflow's copy of the version in production is verified too.
    """
    from components.core import AssayError
    from components.packages import signed_statement

    if not key.is_file():
        raise AssayError(f"--key {key}: there is no such file: name the public key of whoever signs your packages")
    folder = Path(package)
    if folder.is_dir():
        statement = signed_statement(folder, key)
    else:
        from components.lifecycle import check_logged_model

        workspace, now = _deployed(package, PRODUCTION)
        folder = now.package.folder
        statement = signed_statement(folder, key)
        check_logged_model(workspace, now.entry.problem, now.entry.version)
    if as_json:
        console.print_json(statement)
        return
    made = statement["predicate"]["buildDefinition"]
    console.out.print(f"{folder} is as it was packaged and signed by the key of {key}")
    for part in (*statement["subject"], *made["resolvedDependencies"]):
        console.out.print(f"  {part['name']}: {' '.join(part['digest'].values())}")


def _conditions(texts: "Iterable[str]", read_image: "Callable[[Path], np.ndarray[Any, Any]]") -> dict[str, Any]:
    """What holds of every image."""
    given: dict[str, Any] = {}
    for text in texts:
        name, value = _condition(text, read_image)
        if name in given:
            raise typer.BadParameter(f"--set {text}: {name} is set twice; every image has it once")
        given[name] = value
    return given


def _condition(text: str, read_image: "Callable[[Path], np.ndarray[Any, Any]]") -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        if Path(value).is_file():
            return name, read_image(Path(value)).tolist()
        raise typer.BadParameter(f"--set {text}: must be NAME=NUMBER, or NAME=FILE of a file that there is") from error


def _deployed(problem: str, stage: str) -> "tuple[Workspace, Deployed]":
    from components.lifecycle import deployed
    from components.problems import known_name
    from flows.job import open_workspace

    workspace = open_workspace()
    return workspace, deployed(workspace, known_name(problem), stage)
