"""The command that writes a version's card, as a page and as JSON: card.

assay card galaxy-shape 1
"""

from pathlib import Path
from typing import Annotated

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Version


def card(
    problem: ProblemName,
    version: Version,
    out: Annotated[Path | None, typer.Option(help="Folder for it (default: build/cards/PROBLEM-vN).")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a version's card: verdict, use, limits, evidence and lineage on one page, to be signed."""
    from components.lifecycle import keep_card, version_card
    from components.problems import known_name
    from flows.job import open_workspace

    workspace, name = open_workspace(), known_name(problem)
    with console.waiting("gathering the evidence"):
        found = version_card(workspace, name, version)
    if as_json:
        console.print_json(found.document)
        return
    folder = out or workspace.root / "build" / "cards" / f"{name}-v{version}"
    for path in keep_card(found, folder):
        console.out.print(str(path), markup=False)
