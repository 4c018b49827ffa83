"""Commands about what answers: serve; and verify, which is asked before."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.core import LOCALHOST
from components.ledger import PRODUCTION
from flows import console
from flows.commands.options import AsJson, Port, ProblemName, Stage

if TYPE_CHECKING:
    from components.core import Workspace
    from components.lifecycle import Deployed


def serve(
    problem: ProblemName,
    stage: Stage = PRODUCTION,
    port: Port = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any other than this machine's own needs ASSAY_TOKENS.")
    ] = LOCALHOST,
) -> None:
    """Serve the package of a stage until Ctrl-C, and the next one when the stage changes."""
    from components.core import ended_by_signals
    from components.packages import check_address
    from components.problems import known_name
    from flows.following import follow
    from flows.job import Job

    check_address(port, host)  # before anything that takes longer
    job = Job.open(known_name(problem), "demo")
    with ended_by_signals():
        follow(job.workspace, job.problem.name, stage, port=port, host=host, settings=job.settings)


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

        workspace, now = deployed_now(package, PRODUCTION)
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


def deployed_now(problem: str, stage: str) -> "tuple[Workspace, Deployed]":
    """The workspace around the current folder, and what answers for a stage in it."""
    from components.lifecycle import deployed
    from components.problems import known_name
    from flows.job import open_workspace

    workspace = open_workspace()
    return workspace, deployed(workspace, known_name(problem), stage)
