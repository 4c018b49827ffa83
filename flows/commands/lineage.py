"""Commands about where a model comes from: trace, checkout."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Version


def trace(
    subject: Annotated[str, typer.Argument(help="A prediction's id, or a problem's name.")],
    version: Annotated[int | None, typer.Argument(help="The version, after a problem's name.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Show where a version or a prediction comes from: run, data, commit, evaluation, gates, package."""
    from components.core import AssayError
    from components.lifecycle import trace as look
    from components.problems import known_name
    from flows.job import open_workspace

    prediction, parts = None, subject.split(".")
    if version is None:
        if len(parts) != 3 or not parts[1].isdecimal():
            raise AssayError(f"{subject!r} is no prediction id: give one, or a problem and a version")
        prediction, subject, version = subject, parts[0], int(parts[1])
    document = look(open_workspace(), known_name(subject), version, prediction=prediction)
    if as_json:
        console.print_json(document)
        return
    console.print_table(f"{subject} version {version}", ("what", "value"), _rows(document))


def checkout(
    problem: ProblemName,
    version: Version,
    out: Annotated[Path | None, typer.Option(help="Folder for the parameters (default: build/PROBLEM-vN).")] = None,
    as_json: AsJson = False,
) -> None:
    """Restore a version's data from DVC, and say how to train the version again."""
    import dataclasses

    from components.lifecycle import checkout as restore
    from components.problems import known_name
    from flows.job import Job, open_workspace

    workspace, name = open_workspace(), known_name(problem)
    into = (out or workspace.root / "build" / f"{name}-v{version}").resolve()
    with Job.open(name).alone():  # nobody may be reading the data that is changed
        rebuild = restore(workspace, name, version, into=into)
    if as_json:
        console.print_json(dataclasses.asdict(rebuild))
        return
    console.out.print(f"data/{problem} is that of version {version}: {rebuild.data_md5}")
    if rebuild.dirty:
        console.out.print("the tree had uncommitted changes when it was trained: a rebuild may differ")
    console.out.print("to train it again, on a machine of the same kind to the same weights:")
    for command in rebuild.commands:
        console.out.print(f"  {command}", markup=False)


def _rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if document["registered"]:
        git, data, evaluation = document["git"], document["data"], document["evaluation"]
        rows += [
            ("MLflow run", document["run"]),
            ("network", ", ".join(f"{key} {value}" for key, value in document["network"].items())),
            ("weights", document["weights_sha256"]),
            ("trained on", document["device"] or "unknown"),
            ("data", f"md5 {data['md5']}, digest {data['digest'] or 'unknown'}"),
            ("simulator", document["simulator_fingerprint"]),
            ("commit", git["commit"] + (", with uncommitted changes" if git["dirty"] else "")),
            ("evaluation", evaluation["digest"]),
            *((name, f"{value:.4g}") for name, value in evaluation["headline"].items()),
            *((f"train.{name}", str(value)) for name, value in document["training"].items()),
        ]
        if document["package"]:
            rows.append(("package", f"{document['package']['tag']}, digest {document['package']['digest']}"))
    else:
        rows.append(("MLflow", "does not have it any more; this is what the ledger knows"))
    for entry in document["stages"]:
        rows.append(
            (entry["to_stage"], f"{entry['at'][:19]} by {entry['actor']} ({entry['action']}): {entry['reason']}")
        )
        gates = entry["evidence"].get("gates", [])
        if gates:
            passed = sum(gate["verdict"] == "pass" for gate in gates)
            rows.append((f"  gates for {entry['to_stage']}", f"{passed} of {len(gates)} passed"))
        if entry["override"]:
            override = entry["override"]
            rows.append(("  OVERRIDE", f"by {override['by']} until {override['until']}: {override['reason']}"))
            rows += [("  overruled", line) for line in override["overruled"]]
    return rows
