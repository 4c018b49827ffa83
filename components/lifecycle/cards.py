"""The card of a registered version: that of its evaluation, with its stage and the verdicts that the ledger has on it.

card = version_card(workspace, "galaxy-shape", 3)
keep_card(card, Path("build/cards/galaxy-shape-v3"))         # card.html and card.json
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.core import AssayError, Workspace, scratch_folder
from components.evidence import CARD, DOCUMENT, SCHEMA, render_card
from components.gates import COMPARED_WITH
from components.ledger import ARCHIVED, CANDIDATE, Entry, describe_override, open_ledger
from components.registry import Registry


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
        AssayError: when there is no such version, or its evaluation is from before cards were documents.
        IntegrityError: when the evaluation's files are gone.
    """
    folder = Registry(workspace).evaluation_folder(problem, version)
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NoCardError(
            f"{folder / DOCUMENT} is missing, since {problem} version {version} is from before cards had one: its page "
            f"is {folder / CARD}"
        ) from error
    if document["schema"] != SCHEMA:
        raise NoCardError(
            f"{folder / DOCUMENT} has the schema {document['schema']}, and this clone knows {SCHEMA}: its page is "
            f"{folder / CARD}"
        )
    entries = [entry for entry in open_ledger(workspace).history(problem) if entry.version == version]
    document |= {"version": _status(version, entries), "verdicts": _verdicts(entries)}
    return VersionCard(document=document, page=render_card(document, folder))


def show_card(workspace: Workspace, problem: str, version: int) -> None:
    """Have MLflow show the card of a version as it is now, beside its evaluation; one of older days has none.

    Raises:
        AssayError: as `version_card`, or when MLflow cannot be written to.
    """
    with suppress(NoCardError), scratch_folder(workspace) as folder:
        for path in keep_card(version_card(workspace, problem, version), folder):
            Registry(workspace).attach(problem, version, path, "evaluation")


def keep_card(card: VersionCard, folder: Path) -> list[Path]:
    """Write the page and the document into a folder, which is made where it is missing.

    Returns:
        Both files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, document = folder / CARD, folder / DOCUMENT
    page.write_text(card.page, encoding="utf-8")
    document.write_text(json.dumps(card.document, indent=1) + "\n", encoding="utf-8")
    return [page, document]


def _status(version: int, entries: list[Entry]) -> dict[str, Any]:
    """Where a version is and who put it there."""
    now, first = entries[-1], entries[0]
    packages = [f"{entry.package_tag}, digest {entry.package_digest}" for entry in entries if entry.package_tag]
    return {
        "number": version,
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
    compared = next((gate for gate in gates if COMPARED_WITH in gate["details"]), None)
    return {
        "stage": entry.to_stage,
        "at": entry.at,
        "by": entry.actor,
        "passed": sum(gate["verdict"] == "pass" for gate in gates),
        "compared": compared["reason"] if compared else "",
        "compared_with": compared["details"]["version"] if compared else None,
        "cells": compared["details"]["cells"] if compared else [],
        "gates": [{key: value for key, value in gate.items() if key != "details"} for gate in gates],
    }
