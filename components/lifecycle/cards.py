"""The card of a registered version: that of its evaluation, with its stage and the verdicts that the ledger has on it.

card = version_card(workspace, "galaxy-shape", 3)
keep_card(card, Path("build/cards/galaxy-shape-v3"))         # card.html and card.json
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.core import AssayError, IntegrityError, Workspace, scratch_folder, write_whole
from components.evidence import CARD, DOCUMENT, SCHEMA, render_card
from components.gates import COMPARED_WITH
from components.ledger import ARCHIVED, CANDIDATE, Entry, describe_override, open_ledger
from components.registry import Registry

_OLD = f"MLflow shows its page, evaluation/{CARD}"


class NoCardError(AssayError):
    """A version was evaluated before cards were documents, or when they were others."""


@dataclass(frozen=True, kw_only=True)
class VersionCard:
    """The card of one version, as it is today."""

    document: Mapping[str, Any]
    """What docs/card.md describes."""
    page: str


def version_card(workspace: Workspace, problem: str, version: int) -> VersionCard:
    """The card of a version, with what the ledger says of it now.

    Raises:
        NoCardError: when its evaluation is from before cards were documents, or when they were others.
        IntegrityError: when a file of the evaluation is gone or is not what was written.
        AssayError: when there is no such version, or the ledger does not know it.
    """
    registry = Registry(workspace)
    known = _document(registry.evaluation_file(problem, version, DOCUMENT))
    entries = _entries(workspace, problem, version)
    document = known | {"version": _status(entries), "verdicts": _verdicts(entries)}
    with registry.evaluation(problem, version) as folder:
        try:
            return VersionCard(document=document, page=render_card(document, folder))
        except OSError as error:
            what = f"{Path(error.filename).name} of the evaluation is missing"
            raise IntegrityError(what, "restore MLflow's files from a backup") from error


def show_cards(workspace: Workspace, problem: str, versions: Iterable[int]) -> list[int]:
    """Have MLflow show cards as they are now, beside their evaluations; those of older days have none.

    Returns:
        The versions whose cards showed another stage.

    Raises:
        AssayError: as `version_card`, or when MLflow cannot be written to.
    """
    shown = []
    for version in versions:
        now = _entries(workspace, problem, version)[-1]
        with suppress(NoCardError):
            before = _document(Registry(workspace).evaluation_file(problem, version, DOCUMENT)).get("version") or {}
            if (before.get("stage"), before.get("since")) != (now.to_stage, now.at):
                attach_card(workspace, problem, version, version_card(workspace, problem, version))
                shown.append(version)
    return shown


def attach_card(workspace: Workspace, problem: str, version: int, card: VersionCard) -> None:
    """Have MLflow show this card of a version.

    Raises:
        AssayError: when MLflow cannot be written to.
    """
    with scratch_folder(workspace) as folder:
        for path in keep_card(card, folder):
            Registry(workspace).attach(problem, version, path, "evaluation")


def _entries(workspace: Workspace, problem: str, version: int) -> list[Entry]:
    entries = [entry for entry in open_ledger(workspace).history(problem) if entry.version == version]
    if not entries:
        raise AssayError(f"{problem} version {version} is in MLflow and not in the ledger", "type `assay reconcile`")
    return entries


def _document(kept: bytes | None) -> dict[str, Any]:
    """What the card of an evaluation says."""
    if kept is None:
        raise NoCardError(f"evaluation/{DOCUMENT} is missing, since it is from before cards had one: {_OLD}")
    try:
        document: dict[str, Any] = json.loads(kept)
    except ValueError as error:
        what = f"evaluation/{DOCUMENT} is not what was written"
        raise IntegrityError(what, "restore MLflow's files from a backup") from error
    if document["schema"] != SCHEMA:
        raise NoCardError(
            f"evaluation/{DOCUMENT} has the schema {document['schema']}, and this clone knows {SCHEMA}: {_OLD}"
        )
    return document


def keep_card(card: VersionCard, folder: Path) -> list[Path]:
    """Write the page and the document into a folder, which is made where it is missing.

    Returns:
        Both files.
    """
    page, document = folder / CARD, folder / DOCUMENT
    write_whole(page, card.page)
    write_whole(document, json.dumps(card.document, indent=1) + "\n")
    return [page, document]


def _status(entries: list[Entry]) -> dict[str, Any]:
    """Where a version is and who put it there."""
    now, first = entries[-1], entries[0]
    packages = [f"{entry.package_tag}, digest {entry.package_digest}" for entry in entries if entry.package_tag]
    return {
        "number": now.version,
        "stage": now.to_stage,
        "since": now.at,
        "by": now.actor,
        "reason": now.reason,
        "override": describe_override(now.override, datetime.now(UTC)) if now.override else None,
        "registered": first.at,
        "registered_by": first.actor,
        "package": packages[-1] if packages else None,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _verdicts(entries: list[Entry]) -> list[dict[str, Any]]:
    """The newest verdict for each stage that rules were asked for, production's first."""
    newest = {entry.to_stage: entry for entry in entries if entry.evidence.get("gates")}
    stages = [stage for stage in newest if stage not in (CANDIDATE, ARCHIVED)]
    return [_verdict(newest[stage]) for stage in sorted(stages)]


def _verdict(entry: Entry) -> dict[str, Any]:
    gates: list[dict[str, Any]] = sorted(entry.evidence["gates"], key=lambda gate: bool(gate["verdict"] == "pass"))
    return {
        "stage": entry.to_stage,
        "at": entry.at,
        "by": entry.actor,
        "passed": sum(gate["verdict"] == "pass" for gate in gates),
        "comparisons": [
            {"reason": gate["reason"], **{name: gate["details"][name] for name in ("version", "standing", "cells")}}
            for gate in gates
            if COMPARED_WITH in gate["details"]
        ],
        "gates": [{key: value for key, value in gate.items() if key != "details"} for gate in gates],
    }
