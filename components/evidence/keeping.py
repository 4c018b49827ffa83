"""What an evaluation or a measurement of honesty leaves behind: a folder that is whole or is not there.

    write_folder(folder, plots=result.plots, tables=result.tables)
    seal_folder(folder, inputs, document, files=("losses.parquet",))
    kept = read_folder(folder)          # raises IntegrityError when a file is not what was written

Gates read metrics; the digest is of them and of the other files sealed with them.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from components.core import IntegrityError, file_sha256, read_sealed, sealed, value_digest, write_whole
from components.fields import Metric, Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__label__ = None

METRICS = "metrics.json"
_SECTIONS = "sections.json"
_EVIDENCE = "evidence.json"
"""Written last: a folder that has it is complete."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A folder that was read back."""

    key: str
    """Digest of what it rests on."""
    digest: str
    """Digest of what came out, but for what the clock said."""
    metrics: Mapping[str, Metric]
    """With those by the clock."""
    document: Mapping[str, Any]
    """What else was said."""


def is_whole(folder: Path) -> bool:
    """Whether everything was written."""
    return (folder / _EVIDENCE).exists()


def write_folder(
    folder: Path,
    *,
    plots: "Mapping[str, Figure]",
    tables: "Mapping[str, pd.DataFrame]",
    sections: Sequence[Section],
) -> None:
    """Pictures, tables and parts of the card, in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "plots").mkdir(parents=True)
    for name, figure in plots.items():
        for title in figure.texts:  # a figure of one panel is narrower than what is said of many
            title.set_wrap(True)
        figure.savefig(folder / "plots" / f"{name}.png", dpi=100)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / _SECTIONS).write_bytes(TypeAdapter(tuple[Section, ...]).dump_json(tuple(sections), indent=1))


def read_sections(folder: Path) -> tuple[Section, ...]:
    """The parts of the card."""
    return TypeAdapter(tuple[Section, ...]).validate_json((folder / _SECTIONS).read_bytes())


def seal_folder(
    folder: Path,
    inputs: Mapping[str, Any],
    metrics: Mapping[str, Metric],
    document: Mapping[str, Any],
    *,
    files: Sequence[str] = (),
    timings: Mapping[str, Metric] | None = None,
) -> None:
    """What gates read, and last the digest of it.

    Args:
        folder: the rest is there already.
        inputs: what it rests on.
        metrics: by name.
        document: what else is to be read back, as JSON.
        files: others of the folder that the digest is of.
        timings: metrics by the clock.
    """
    said = {**document, "metrics": {name: _document(metric) for name, metric in metrics.items()}}
    (folder / METRICS).write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    digests = {name: file_sha256(folder / name) for name in (METRICS, *files)}
    by_clock = {name: _document(metric) for name, metric in (timings or {}).items()}
    found = {"digest": value_digest(digests), "files": digests, "timings": by_clock}
    evidence = {"key": value_digest(inputs), "inputs": inputs, **found}
    write_whole(folder / _EVIDENCE, json.dumps(sealed(evidence), indent=1, sort_keys=True) + "\n")


def read_folder(folder: Path, *, again: str) -> Kept:
    """Read a folder back, checking its digests.

    Args:
        folder: a whole one.
        again: what to do when it is damaged, after its deletion.

    Raises:
        IntegrityError: when a file is missing or is not what was written.
    """
    hint = f"delete {folder} and {again}"
    try:
        evidence = read_sealed(folder / _EVIDENCE)
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{folder / _EVIDENCE} is missing or not what was written", hint) from error
    for name, digest in evidence["files"].items():
        if not (folder / name).is_file() or file_sha256(folder / name) != digest:
            raise IntegrityError(f"{folder / name} is missing or not what was written", hint)
    document = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    metrics = {**document["metrics"], **evidence.get("timings", {})}
    return Kept(
        key=evidence["key"],
        digest=evidence["digest"],
        metrics={name: _metric(of) for name, of in metrics.items()},
        document=document,
    )


def evaluated_weights(folder: Path) -> str | None:
    """SHA-256 of the weights that a folder is about; None when it holds no whole evidence."""
    try:
        return str(json.loads((folder / _EVIDENCE).read_text(encoding="utf-8"))["inputs"]["weights"])
    except (OSError, ValueError, LookupError):
        return None


def _document(metric: Metric) -> dict[str, float | str]:
    """JSON has no NaN; a metric that is one must stay one, so that gates see it."""
    numbers = {"value": metric.value, "low": metric.low, "high": metric.high}
    said: dict[str, float | str] = {name: of if math.isfinite(of) else repr(of) for name, of in numbers.items()}
    return {**said, "missing": metric.missing} if metric.missing else said


def _metric(document: Mapping[str, Any]) -> Metric:
    numbers = {name: float(document[name]) for name in ("value", "low", "high")}
    return Metric(**numbers, missing=document.get("missing", ""))
