"""Read a table from a file of a user's: CSV, Parquet or FITS.

table = read_table(Path("labels.csv"))               # text as it is written, nothing taken for a number or missing
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from components.core import AssayError

__label__ = "tables"


def read_table(path: Path) -> pd.DataFrame:
    """The table in a file.

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


def _read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, comment="#")


def _read_fits(path: Path) -> pd.DataFrame:
    from astropy.table import Table

    table: pd.DataFrame = Table.read(path).to_pandas()
    text = table.map(lambda value: value.decode().strip() if isinstance(value, bytes) else value)
    return text.astype(object).where(text.notna(), "")  # FITS keeps no empty text apart from none


_READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv, ".parquet": pd.read_parquet, ".fits": _read_fits, ".fit": _read_fits,
}  # fmt: skip
