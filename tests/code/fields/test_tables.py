"""Tables of users: text as it is written, whichever kind of file it is in, and one line for what cannot be read."""

from pathlib import Path

import pandas as pd
import pytest
from astropy.table import Table

from components.core.errors import AssayError
from components.fields.tables import TableColumn, read_table, write_table

ROWS = pd.DataFrame({"picture": ["007", "NA", "m51"], "label": ["spiral", "", "none"]})


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.fits", "A.CSV"])
def test_names_stay_as_they_are_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("fits"):
        Table.from_pandas(ROWS).write(path)
    elif name.endswith("parquet"):
        ROWS.to_parquet(path)
    else:
        ROWS.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path).astype(str), ROWS, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"", "unknown kind of table '.xlsx'"),
        ("a.csv", b"", "cannot be read as a table"),
        ("a.parquet", b"no", "cannot be read as a table"),
        ("a.fits", b"no", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_named_in_a_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AssayError, match=said) as caught:
        read_table(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["fits", "csv", "parquet"])
def test_a_table_that_cannot_be_written_leaves_the_former_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_table(path, [TableColumn(name="flux", values=[1.0, 2.0], unit="ct")])
    before = path.read_bytes()
    with pytest.raises(Exception):  # noqa: B017, PT011 - each library's own
        write_table(path, [TableColumn(name="flux", values=[object(), 1j, "\ud800"])])
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_units_of_columns_are_kept(tmp_path: Path) -> None:
    write_table(
        tmp_path / "a.fits", [TableColumn(name="ra", values=[1.0], unit="deg"), TableColumn(name="n", values=[2])]
    )
    assert read_table(tmp_path / "a.fits").attrs["units"] == {"ra": "deg"}
