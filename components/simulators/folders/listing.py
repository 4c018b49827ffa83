"""What lies in a folder of pictures, and what belongs to each: a mask or another picture, and a row of a table.

    entries = list_pictures(settings)          # sorted by name

Nothing is decoded here. What is missing, twice there or of nobody is named and refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import AssayError
from components.fields import SUFFIXES, read_table, stem_of
from components.simulators.folders.settings import FolderSettings

__label__ = "folder_listing"

_NAMED = 5
"""Names that a message lists."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One picture and what belongs to it."""

    name: str
    """Path within the folder, without the ending that says which kind of picture it is."""
    path: Path
    beside: Path | None
    """Its mask, or what is wanted in its stead."""
    label: str | None
    group: str | None
    """What it is said to be a picture of."""
    licence: str
    credit: str


def list_pictures(settings: FolderSettings) -> list[Listed]:
    """Every picture of a folder.

    Raises:
        AssayError: when folder or table is not there or cannot be read, or something is missing for a picture or is
            there for none.
    """
    pictures = _files(_place(settings, settings.path), "path")
    beside = _files(_place(settings, settings.masks), "masks") if settings.masks is not None else None
    if beside is not None:
        _require_same(set(pictures), set(beside), f"in {settings.masks}", f"in {settings.path}")
    rows = _rows(settings) if settings.table is not None else None
    if rows is not None:
        _require_same(set(pictures), set(rows), f"in {settings.table}", f"in {settings.path}")
    return [
        Listed(
            name=name,
            path=path,
            beside=beside[name] if beside is not None else None,
            label=(_text(rows[name], settings.label_column) or None) if rows is not None else None,
            group=_group(settings, name, rows[name] if rows is not None else {}),
            licence=_text(rows[name] if rows is not None else {}, "licence") or settings.licence,
            credit=_text(rows[name] if rows is not None else {}, "credit") or settings.credit,
        )
        for name, path in sorted(pictures.items())
    ]


def _place(settings: FolderSettings, path: str) -> Path:
    return Path(settings.root, path)


def _files(folder: Path, key: str) -> dict[str, Path]:
    """The pictures of a folder by name."""
    if not folder.is_dir():
        raise AssayError(f"simulate.{key} = {folder}: there is no such folder: mend the path in params.yaml")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        if not path.name.lower().endswith(SUFFIXES):
            continue  # notes, tables and the like may lie beside pictures
        name = (inside.parent / stem_of(path)).as_posix()
        if name in found:
            raise AssayError(f"{found[name]} and {path} have one name: rename one of them")
        found[name] = path
    if not found:
        raise AssayError(f"simulate.{key} = {folder}: no picture in it: its files must end in {', '.join(SUFFIXES)}")
    return found


def _rows(settings: FolderSettings) -> dict[str, Mapping[str, Any]]:
    """The rows of the table by picture."""
    path = _place(settings, str(settings.table))
    table = read_table(path)
    wanted = [settings.picture_column, *([settings.group_column] if settings.group_column else [])]
    for column in wanted:
        if column not in table:
            raise AssayError(f"{path} has no column {column!r}: it has {', '.join(map(str, table.columns))}")
    rows: dict[str, Mapping[str, Any]] = {}
    for row in table.to_dict(orient="records"):
        name = Path(str(row[settings.picture_column]))
        name_of = (name.parent / stem_of(name)).as_posix() if name.name.lower().endswith(SUFFIXES) else name.as_posix()
        if name_of in rows:
            raise AssayError(f"{path} has two rows for {name_of}: leave one of them")
        rows[name_of] = {str(key): value for key, value in row.items()}
    return rows


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None or value != value else str(value).strip()


def _group(settings: FolderSettings, name: str, row: Mapping[str, Any]) -> str | None:
    if settings.group_column is not None:
        return _text(row, settings.group_column) or None
    if settings.group_pattern is None:
        return None
    found = re.search(settings.group_pattern, name)
    if found is None or not found.groups() or found.group(1) is None:
        raise AssayError(
            f"simulate.group_pattern = {settings.group_pattern!r} finds no group in the name {name!r}: mend the pattern"
        )
    return found.group(1)


def _require_same(pictures: set[str], others: set[str], there: str, here: str) -> None:
    """See that each picture has its counterpart, and each of those its picture."""
    for missing, where, of in ((pictures - others, here, there), (others - pictures, there, here)):
        if missing:
            names = ", ".join(sorted(missing)[:_NAMED])
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise AssayError(f"{names}{more}: {where}, and not {of}: add what is missing, or take out what is too much")
