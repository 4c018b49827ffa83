"""Commands about versions and their stages: models, promote, rollback, archive, history."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from flows import console
from flows.commands.options import AsJson, ProblemName, Size, Version

if TYPE_CHECKING:
    from components.ledger import Entry
    from components.lifecycle import Promotion, Stages

Result = TypeVar("Result")
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]


def models(
    problem: Annotated[str | None, typer.Argument(help="One problem only.")] = None, as_json: AsJson = False
) -> None:
    """List versions with their stages and headline metrics; as JSON of one problem, with all metrics."""
    from components.ledger import ARCHIVED, describe_override, open_ledger
    from components.problems import NAMES, known_name
    from components.registry import Registry
    from flows.job import open_workspace

    workspace = open_workspace()
    registry, ledger = Registry(workspace), open_ledger(workspace)
    registry.create()
    # All of them take a tenth of a second a version.
    every = as_json and problem is not None
    rows: list[dict[str, Any]] = []
    for name in [known_name(problem)] if problem else NAMES:
        entries = ledger.current(name)
        if not entries:
            continue
        registered = {info.version: info for info in registry.versions(name)}
        staged = {version for version, entry in entries.items() if entry.to_stage != ARCHIVED}
        for version in sorted(staged | set(registered)):
            info, entry = registered.get(version), entries.get(version)
            override = entry.override if entry else None
            rows.append(
                {
                    "problem": name,
                    "version": version,
                    "stage": entry.to_stage if entry else None,
                    "override": describe_override(override, datetime.now(UTC)) if override else None,
                    "metrics": (registry.metrics(name, info) if every else info.metrics) if info else {},
                    "created": info.created.isoformat(timespec="seconds") if info else "not in MLflow",
                    "tags": dict(info.tags) if info else {},
                }
            )
    if as_json:
        console.print_json(rows)
        return
    if not rows:
        console.out.print("no versions yet: assay run PROBLEM makes the first")
        return
    show_all_versions(rows)


def show_all_versions(rows: Sequence[Mapping[str, Any]]) -> None:
    """A table for each problem, which has the metrics of its own versions and no others'.

    Args:
        rows: of `models --json`, those of a problem together.
    """
    for problem, versions in groupby(rows, key=lambda row: str(row["problem"])):
        _show_versions(problem, list(versions))


def _show_versions(problem: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from components.core import significant

    metrics = list(dict.fromkeys(metric for row in rows for metric in row["metrics"]))
    console.print_table(
        f"registered versions of {problem}",
        ("version", "stage", *(metric.replace(".", ".\n") for metric in metrics), "created (UTC)"),
        [
            (
                str(row["version"]),
                (row["stage"] or "–") + ("\nOVERRIDE" if row["override"] else ""),
                *(significant(row["metrics"][metric], 3) if metric in row["metrics"] else "–" for metric in metrics),
                row["created"][:16].replace("T", " "),
            )
            for row in rows
        ],
    )
    for row in rows:
        if row["override"]:
            console.out.print(f"OVERRIDE of version {row['version']} {row['override']}", markup=False)


def promote(
    problem: ProblemName,
    version: Version,
    to: Annotated[str, typer.Option("--to", help="staging or production.")],
    reason: Reason,
    expect: Annotated[
        int | None, typer.Option(help="Refuse unless this version holds the stage now (default: whoever does).", min=1)
    ] = None,
    first: Annotated[
        bool, typer.Option("--first", help="Nothing else was ever in production: there is nothing to compare with.")
    ] = False,
    override: Annotated[
        str | None,
        typer.Option(
            help="Your account, or a name of gates.may_override: against gates that do not pass; needs --until."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            help="Last day of the override, at most gates.longest_override_days from today.", metavar="YYYY-MM-DD"
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Prove the package from a new virtual environment (minutes).")
    ] = False,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Judge a version by the gates, package and prove it, and move it to a stage."""
    from components.gates import Override
    from components.ledger import PROMOTABLE, whoami

    if to not in PROMOTABLE:
        raise typer.BadParameter(f"--to {to}: must be {' or '.join(PROMOTABLE)}")
    if (override is None) != (until is None):
        raise typer.BadParameter("--override NAME and --until YYYY-MM-DD go together")
    given = None
    if override is not None and until is not None:
        given = Override(by=_name(override), reason=reason, until=_day(until))
    promotion = _open(problem, size, judging=True)
    # No lock: of several promotions at once the ledger lets one through, and tells the others who it was.
    held = promotion.ledger.holder(problem, to) if expect is None else expect
    entry = promotion.promote(
        version, to, actor=whoami(), reason=reason, expect=held, first=first, override=given, strict=strict, tell=_told
    )
    _say(promotion, entry, as_json)


def rollback(
    problem: ProblemName,
    reason: Reason = "rollback",
    expect: Annotated[int | None, typer.Option(help="Refuse unless this version is in production now.", min=1)] = None,
    size: Size = "demo",
    as_json: AsJson = False,
) -> None:
    """Bring the last good version back to production; its package is proved first."""
    from components.ledger import whoami
    from components.lifecycle import rollback as go_back

    promotion = _open(problem, size, judging=False)
    with console.waiting("proving its package"):
        entry = go_back(promotion, actor=whoami(), reason=reason, expect=expect)
    _say(promotion, entry, as_json)


def archive(
    problem: ProblemName, version: Version, reason: Reason, size: Size = "demo", as_json: AsJson = False
) -> None:
    """Take a candidate or a staged version out of the way."""
    from components.ledger import whoami

    promotion = _open(problem, size, judging=False)
    entry = promotion.archive(version, actor=whoami(), reason=reason)
    _say(promotion, entry, as_json)


def history(problem: ProblemName, as_json: AsJson = False) -> None:
    """List every stage change: who, when, why."""
    import dataclasses

    from components.ledger import describe_override, open_ledger
    from components.problems import known_name
    from flows.job import open_workspace

    entries = open_ledger(open_workspace()).history(known_name(problem))
    if as_json:
        console.print_json([dataclasses.asdict(entry) for entry in entries])
        return
    console.print_table(
        f"stage changes of {problem}",
        ("when (UTC)", "version", "action", "change", "who", "why"),
        [
            (
                entry.at[:19].replace("T", " "),
                str(entry.version),
                entry.action,
                f"{entry.from_stage or '–'} → {entry.to_stage}",
                entry.actor,
                entry.reason
                + (f"\nOVERRIDE {describe_override(entry.override, datetime.now(UTC))}" if entry.override else ""),
            )
            for entry in entries
        ],
    )


def _open(problem: str, size: str, *, judging: bool) -> "Promotion":
    from components.lifecycle import Promotion
    from flows.job import Job

    job = Job.open(problem, size)
    return Promotion(job.workspace, job.problem, job.settings, job.published() if judging else None)


def _name(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("--override must be the name of a person")
    return text.strip()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"--until {text}: must be a day such as 2026-12-31") from error


def _told(part: str, stage: str, work: Callable[[], tuple[Result, str]]) -> Result:  # noqa: ARG001
    """A part of a promotion as a step that a person sees: a `components.lifecycle.parts.Teller`."""
    return console.take_step(part, work, spinner=True)


def _say(stages: "Stages", entry: "Entry", as_json: bool) -> None:
    """What was changed, and who does not show it yet."""
    import dataclasses

    from components.ledger import ARCHIVED

    behind = stages.ledger.behind(entry.problem)
    if stages.unshown:
        console.err.print(stages.unshown, markup=False)
    if as_json:
        servers = [dataclasses.asdict(server) for server in behind]
        console.print_json({**dataclasses.asdict(entry), "servers_behind": servers})
        return
    before = f", which version {entry.previous_version} held" if entry.previous_version else ""
    now = entry.to_stage if entry.to_stage == ARCHIVED else f"in {entry.to_stage}{before}"
    console.out.print(f"{entry.problem} version {entry.version} is {now}")
    for line in (entry.override or {}).get("overruled", ()):
        console.out.print(f"  OVERRULED until {(entry.override or {})['until']}: {line}", markup=False)
    console.say_behind(behind)
