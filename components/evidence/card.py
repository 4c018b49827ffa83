"""The model card: one self-contained HTML page about a model, made from its evaluation (Mitchell et al. 2019).

    write_card(folder, description, dataset, summary=…, confirmed_on="images drawn for each comparison", honesty=None)

Everything is in the page: no script, no link to another machine, pictures as data. What it says of the evidence are
the evaluation's own sections; training, data and lineage are the same for every problem.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.core import render_page
from components.evidence.keeping import read_sections
from components.fields import Dataset

__label__ = None

CARD = "card.html"
_TEMPLATE = Path(__file__).parent / "templates" / "model_card.html"


def write_card(
    folder: Path,
    description: Mapping[str, Any],
    dataset: Dataset,
    *,
    summary: str,
    confirmed_on: str,
    honesty: Path | None,
) -> Path:
    """Write the page.

    Args:
        folder: the evaluation's, with its parts and its pictures.
        description: the model's, as `models.estimators.saved` keeps it.
        dataset: the data that it was evaluated on.
        summary: what the evaluation comes to.
        confirmed_on: what promotions to production compare models on.
        honesty: the folder of its measured honesty, the same.

    Returns:
        The page.
    """
    parts = [(of, section) for of in (folder, honesty) if of is not None for section in read_sections(of)]
    pictures = {name: _data(of / "plots" / f"{name}.png") for of, section in parts for name, _ in section.pictures}
    page = render_page(
        _TEMPLATE,
        problem=description["problem"],
        weights=description["weights_sha256"],
        git=description["git"],
        training=description["inputs"]["training"]["settings"],
        history=description["history"],
        finish=_rows(description.get("finish", {})),
        dataset=dataset.digest,
        fingerprint=description["fingerprint"],
        simulation=dataset.manifest["settings"],
        material=_rows(dataset.manifest.get("material", {})),
        summary=summary,
        confirmed_on=confirmed_on,
        sections=[section for _, section in parts],
        pictures=pictures,
    )
    (folder / CARD).write_text(page, encoding="utf-8")
    return folder / CARD


def _data(picture: Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()


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
