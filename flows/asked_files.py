"""Which files are asked about, and what a catalogue says of each.

files = files_among([Path("cutouts"), Path("more/*.fits")])
known = read_catalogue(Path("catalogue.fits"), files)             # by file: every column of its row
"""

import glob
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import AssayError

_FILE = "file"
"""The column of a catalogue that names an image."""

_WHOLE = re.compile(r"[-+]?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*|(?=\.\d))(\.\d*)?([eE][-+]?\d+)?|nan", re.IGNORECASE)


class Catalogue(dict[Path, Mapping[str, Any]]):
    """The row of each file that a table names, and units of its columns."""

    def __init__(self, rows: Mapping[Path, Mapping[str, Any]], units: Mapping[str, str]) -> None:
        super().__init__(rows)
        self.units = units


def files_among(named: Sequence[Path]) -> list[Path]:
    """The files that were named: a folder stands for the images in it, a pattern for what it matches, in their order.

    Raises:
        AssayError: when a folder or a pattern has none.
    """
    from components.fields import SUFFIXES

    files: list[Path] = []
    for path in named:
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.name.lower().endswith(SUFFIXES))
            if not found:
                raise AssayError(f"{path}: has no image: they end in {', '.join(SUFFIXES)}")
        elif not path.exists() and glob.has_magic(str(path)):
            found = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 - it may be absolute
            if not found:
                raise AssayError(f"{path}: matches no file")
        else:
            found = [path]
        files += found
    return files


def read_catalogue(path: Path, files: Sequence[Path]) -> Catalogue:
    """The rows of a table by file, for those files that it names; by their whole path or by their name.

    Raises:
        AssayError: when it cannot be read, has no column `file`, or names a file twice or none of these.
    """
    from components.fields import read_table

    table = read_table(path)
    if _FILE not in table:
        raise AssayError(f"{path}: has no column {_FILE!r}: one must name the image of each row")
    rows: dict[str, Mapping[str, Any]] = {}
    for row in table.to_dict("records"):
        name = str(row[_FILE])
        if name in rows:
            raise AssayError(f"{path}: names {name} twice: each file has one row")
        rows[name] = {str(column): value for column, value in row.items() if column != _FILE}
    names = Counter(file.name for file in files)
    known = {}
    for file in files:
        if str(file) in rows:
            known[file] = rows[str(file)]
        elif file.name in rows:
            if names[file.name] > 1:
                raise AssayError(
                    f"{path}: names {file.name}, and {names[file.name]} files are called so: name whole paths"
                )
            known[file] = rows[file.name]
    if not known:
        raise AssayError(f"{path}: names none of the files, {files[0].name} for one: its column {_FILE!r} must")
    return Catalogue(known, table.attrs.get("units", {}))


def carried(known: Mapping[Path, Mapping[str, Any]], files: Sequence[Path], name: str) -> list[Any]:
    """A column of a catalogue for files, numbers as such where all are: text that begins with 0 is a name."""
    values = [known[file][name] if file in known else None for file in files]
    said = [value for value in values if value not in (None, "")]
    texts = [value for value in said if isinstance(value, str)]
    if said and all(_NUMBER.fullmatch(text) for text in texts):
        kind = int if all(_WHOLE.fullmatch(text) for text in texts) and len(said) == len(values) and texts else float
        return [
            float("nan") if value in (None, "") else kind(value) if isinstance(value, str) else value
            for value in values
        ]
    return ["" if value is None else value for value in values]


def numbers(known: Mapping[Path, Mapping[str, Any]], file: Path, given: Mapping[str, Any]) -> dict[str, float]:
    """What a catalogue says of a file in numbers; its other columns say nothing to a model.

    Raises:
        AssayError: when it says what is said for all.
    """
    found = {}
    for name, value in known.get(file, {}).items():
        try:
            found[name.lower()] = float(value)
        except (TypeError, ValueError):
            continue
        if name.lower() in given:
            raise AssayError(f"{file}: --set and the catalogue both say its {name.lower()}: leave one out")
    return found
