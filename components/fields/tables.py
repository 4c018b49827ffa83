"""Read a table from a file of a user's, and write one: CSV, Parquet or FITS.

table = read_table(Path("labels.csv"))               # text as it is written, nothing taken for a number or missing
write_table(Path("answers.fits"), [TableColumn(name="flux", values=flux_b, unit="ct")])
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import AssayError, placed_whole

if TYPE_CHECKING:
    import pandas as pd

__label__ = "tables"


def read_table(path: Path) -> "pd.DataFrame":
    """The table in a file; the units of its columns, as FITS writes them, in `attrs["units"]`.

    Raises:
        AssayError: when it is not there, or cannot be read as one.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise AssayError(f"{path}: unknown kind of table {path.suffix!r}: must be one of {', '.join(_READERS)}")
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise AssayError(f"{path}: there is no such file: mend its path") from error
    except Exception as error:  # each library raises its own
        what = " ".join(str(error).split())[:200]
        raise AssayError(f"{path}: cannot be read as a table ({what}): replace it") from error


def _read_csv(path: Path) -> "pd.DataFrame":
    import pandas as pd  # which takes longer than all else that a command does before it starts a server

    return pd.read_csv(path, dtype=str, keep_default_na=False, comment="#")


def _read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_parquet(path)


def _read_fits(path: Path) -> "pd.DataFrame":
    from astropy.table import Table

    found = Table.read(path)
    table: pd.DataFrame = found.to_pandas()
    text = table.map(lambda value: value.decode().strip() if isinstance(value, bytes) else value)
    read = text.astype(object).where(text.notna(), "")  # FITS keeps no empty text apart from none
    read.attrs["units"] = {column.name: str(column.unit) for column in found.itercols() if column.unit is not None}
    return read


_READERS: Mapping[str, "Callable[[Path], pd.DataFrame]"] = {
    ".csv": _read_csv, ".parquet": _read_parquet, ".fits": _read_fits, ".fit": _read_fits,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of a table that is written."""

    name: str
    values: Sequence[Any]
    """A number, a text or an array for each row."""
    unit: str = ""
    """As FITS writes it; the other kinds have none."""
    entries: tuple[str, ...] = ()
    """Names of the entries of each array, where they have some."""
    meaning: str = ""
    """In a few words, for FITS."""


def write_table(path: Path, columns: Sequence[TableColumn], *, comment: str = "") -> list[str]:
    """Write a table, whole or not at all, in place of one that is there.

    Args:
        path: whose suffix says of which kind.
        columns: in their order.
        comment: what is to be known of all of it; CSV has no place for that.

    Returns:
        The names of those that were left out: CSV holds no map of a row.

    Raises:
        AssayError: when the kind is none, or it cannot be written.
    """
    require_table_kind(path)
    maps = [column.name for column in columns if np.ndim(column.values[0]) > 1] if path.suffix.lower() == ".csv" else []
    try:
        with placed_whole(path) as partial:
            _WRITERS[path.suffix.lower()](partial, [column for column in columns if column.name not in maps], comment)
    except OSError as error:
        raise AssayError(f"{path}: cannot be written ({error.strerror or error}): choose another place") from error
    return maps


def require_table_kind(path: Path) -> None:
    """See that a table can be written as a file's suffix says, before there is one.

    Raises:
        AssayError: when it cannot.
    """
    if path.suffix.lower() not in _WRITERS:
        raise AssayError(f"{path}: unknown kind of table {path.suffix!r}: must be one of {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise AssayError(f"{path}: there is no folder {path.parent}: make it, or choose another place")


def _write_fits(path: Path, columns: Sequence[TableColumn], comment: str) -> None:
    from astropy.io import fits
    from astropy.table import Table

    arrays = {column.name: np.asarray(column.values) for column in columns}
    plain = {name: _in_ascii(array) if array.dtype.kind == "U" else array for name, array in arrays.items()}
    table = Table(plain)
    hdu = fits.table_to_hdu(table)
    for number, column in enumerate(columns):
        if column.unit:
            hdu.columns[number].unit = column.unit
        if said := ", ".join(column.entries) or column.meaning:
            hdu.header[f"TCOMM{number + 1}"] = said.encode("ascii", "backslashreplace").decode()
    if comment:
        hdu.header.add_comment(comment.encode("ascii", "backslashreplace").decode())
    hdu.writeto(path)


def _in_ascii(texts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Texts as FITS can hold them; other signs by their number."""
    return np.char.encode(texts, "ascii", "backslashreplace")


def _write_csv(path: Path, columns: Sequence[TableColumn], comment: str) -> None:  # noqa: ARG001
    import pandas as pd

    flat: dict[str, Any] = {}
    for column in columns:
        values = np.asarray(column.values)
        if values.ndim == 2:
            names = column.entries or tuple(str(number) for number in range(values.shape[1]))
            flat |= {f"{column.name}_{name}": values[:, number] for number, name in enumerate(names)}
        else:
            flat[column.name] = values
    pd.DataFrame(flat).to_csv(path, index=False)


def _write_parquet(path: Path, columns: Sequence[TableColumn], comment: str) -> None:
    import pandas as pd

    values = {column.name: np.asarray(column.values) for column in columns}
    frame = pd.DataFrame({name: array if array.ndim == 1 else array.tolist() for name, array in values.items()})
    frame.attrs = {"comment": comment} if comment else {}
    frame.to_parquet(path)


_WRITERS: Mapping[str, Callable[[Path, Sequence[TableColumn], str], None]] = {
    ".fits": _write_fits, ".parquet": _write_parquet, ".csv": _write_csv,
}  # fmt: skip
