"""The model card: what a person signs, as one HTML page and as JSON, made from an evaluation (Mitchell et al. 2019).

    write_card(folder, description, dataset, use=problem.use, summary=…, confirmed_on="…", honesty=None, hardware="…")
    page = render_card(document, pictures, version=…)

Everything is in the page: no script, no link to another machine, pictures as data. What it says of the evidence are
the evaluation's own sections; use, training, data and lineage have the same form for every problem. Which version it
is, its stage and the verdicts on it are added once there are any (`components/lifecycle/cards.py`). docs/card.md says
what the JSON has.
"""

import base64
import json
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from components.core import render_page, write_whole
from components.evidence.keeping import is_whole, read_sections
from components.fields import Dataset, Section, Use

__label__ = None

CARD, DOCUMENT = "card.html", "card.json"
SCHEMA = "assay.card/2"
PLOTS = "plots"
_TEMPLATE = Path(__file__).parent / "templates" / "model_card.html"


def write_card(
    folder: Path,
    description: Mapping[str, Any],
    dataset: Dataset,
    *,
    use: Use,
    summary: str,
    confirmed_on: str,
    hardware: str,
    honesty: Path | None,
) -> Path:
    """Write the page and its document into an evaluation's folder.

    Args:
        folder: the evaluation's, with its parts and its pictures.
        description: the model's, as `models.estimators.saved` keeps it.
        dataset: the data that it was evaluated on.
        use: what models of its problem are for.
        summary: what the evaluation comes to.
        confirmed_on: what promotions to production compare models on.
        hardware: of this machine; a card that is written anew keeps that by whose clock the timings are.
        honesty: the folder of its measured honesty, the same.

    Returns:
        The page.
    """
    sections = read_sections(folder)
    if honesty is not None:
        measured = read_sections(honesty)
        for name in (name for section in measured for name, _ in section.pictures):
            (folder / PLOTS / f"{name}.png").write_bytes((honesty / PLOTS / f"{name}.png").read_bytes())
        sections += measured
    if (folder / DOCUMENT).is_file():
        hardware = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))["hardware"]
    elif is_whole(folder):
        hardware = "not known: timed before cards said it"
    training = description["inputs"]["training"]["settings"]
    document = {
        "schema": SCHEMA,
        "problem": description["problem"],
        "summary": summary[:1].upper() + summary[1:],
        "network": f"{training['network']}, width {training['width']}",
        "licence": "Apache-2.0",
        "citation": (
            f"The Assay developers: Assay {installed('assay')}, commit {description['git']['commit'][:12]}; "
            f"{description['problem']} model {description['weights_sha256'][:12]}"
        ),
        "use": {"intended": use.intended, "out_of_scope": list(use.out_of_scope)},
        "sections": TypeAdapter(tuple[Section, ...]).dump_python(sections, mode="json"),
        "hardware": hardware,
        "training": {
            "settings": training,
            "validation_loss": [epoch["validation_loss"] for epoch in description["history"]],
            "finish": dict(_rows(description.get("finish", {}))),
        },
        "data": {
            "settings": dataset.manifest["settings"],
            "digest": dataset.digest,
            "material": _rows(dataset.manifest.get("material", {})),
            "confirmed_on": confirmed_on,
        },
        "lineage": {
            "weights_sha256": description["weights_sha256"],
            "git": description["git"],
            "simulator_fingerprint": description["fingerprint"],
        },
    }
    text = json.dumps(document, indent=1, default=str)
    write_whole(folder / CARD, render_card(json.loads(text), folder))
    write_whole(folder / DOCUMENT, text + "\n")
    return folder / CARD


def render_card(document: Mapping[str, Any], folder: Path) -> str:
    """The page.

    Args:
        document: as `write_card` keeps it, with `version` and `verdicts` where the model is registered.
        folder: the evaluation's, whose pictures are shown.
    """
    names = [name for section in document["sections"] for name, _ in section["pictures"]]
    return render_page(
        _TEMPLATE,
        card={"version": None, "verdicts": [], **document},
        pictures={name: base64.b64encode((folder / PLOTS / f"{name}.png").read_bytes()).decode() for name in names},
    )


def _rows(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Nested values as lines of a table: what followed the training loop."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        label = f"{above}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _rows(value, f"{label}: ")
        else:
            numbers = value if isinstance(value, list | tuple) else [value]
            rows.append((label, ", ".join(f"{one:.4g}" if isinstance(one, float) else str(one) for one in numbers)))
    return rows
