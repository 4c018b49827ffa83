"""Arguments and options that several commands share."""

from typing import Annotated

import typer

ProblemName = Annotated[str, typer.Argument(help="Name of the problem, such as galaxy-shape.")]
Version = Annotated[int, typer.Argument(help="Number of the registered version.", min=1)]
Size = Annotated[str, typer.Option(help="demo, or a name under `sizes` in params.yaml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Stage = Annotated[str, typer.Option(help="Whose version answers: staging or production.")]
