"""Files are asked about in batches by one server of one version; one that is refused keeps no other from its answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from components.core.errors import AssayError
from components.fields.tables import read_table
from components.problems import find_reading
from flows.answering_files import answer_files
from flows.asked_files import Catalogue
from flows.reading_files import Given, Told
from tests.toys.answering_server import answering_server


def read(_: Path) -> Given:
    return Given(inputs={"image": np.ones((2, 2), dtype=np.float32)}, told=Told())


def test_a_table_is_of_one_version() -> None:
    files = [Path(f"{number}.npy") for number in range(65)]
    with answering_server(3, 4) as there, pytest.raises(AssayError, match=r"changed from version \d to \d midway"):
        answer_files(there.url, files, read, shown="")
    with answering_server(3) as there:
        assert len(answer_files(there.url, files, read, shown="").rows) == 65


def test_the_file_that_is_named_is_left_out_and_the_others_are_asked_about_again() -> None:
    files = [Path(f"{number}.npy") for number in range(3)]
    with answering_server((400, b'{"error": "images[1].image[0][0] is nan"}'), 3) as there:
        table = answer_files(there.url, files, read, shown="")
    assert list(table.rows) == [files[0], files[2]]
    assert table.refused == {files[1]: "1.npy.image[0][0] is nan"}


def test_what_is_wrong_with_the_server_ends_the_command_with_its_line() -> None:
    files = [Path(f"{number}.npy") for number in range(200)]
    with (
        answering_server(3, (503, b'{"error": "no server answers"}')) as there,
        pytest.raises(AssayError, match="answered 503: no server answers"),
    ):
        answer_files(there.url, files, read, shown="")


def test_no_more_than_three_batches_are_in_memory() -> None:
    alive: list[int] = []

    class Counted(np.ndarray[Any, Any]):
        def __del__(self) -> None:
            alive.pop()

    def counted(_: Path) -> Given:
        image = np.ones((2, 2), dtype=np.float32).view(Counted)
        alive.append(1)
        seen.append(len(alive))
        return Given(inputs={"image": image}, told=Told())

    seen: list[int] = []
    with answering_server(3) as there:
        answer_files(there.url, [Path(f"{number}.npy") for number in range(640)], counted, shown="")
    assert max(seen) <= 4 * 64, "the one that is read, two on their way, one that is let go"


@pytest.mark.parametrize("suffix", [".fits", ".parquet", ".csv"])
def test_a_table_has_what_was_estimated_of_the_files_of_which_it_was(suffix: str, tmp_path: Path) -> None:
    files, reading = [Path(f"{number}.npy") for number in range(3)], find_reading("galaxy-shape")

    def stated_of_the_last(file: Path) -> Given:
        image = np.array([[0, 1], [2, 3]], dtype=np.float32)
        sigma = {"sigma": np.array(5, dtype=np.float32)} if file == files[2] else {}
        return Given(inputs={"image": image, **sigma}, told=Told())

    with answering_server(3) as there:
        table = answer_files(there.url, files, stated_of_the_last, shown="")
        stated = answer_files(there.url, files[2:], stated_of_the_last, shown="")
    table.write(tmp_path / f"all{suffix}", reading, beside=Catalogue({files[0]: {"estimated_sigma": 7.0}}, {}))
    found = read_table(tmp_path / f"all{suffix}")
    values = [float("nan") if value == "" else float(value) for value in found["estimated_sigma"]]
    assert np.allclose(values, [1.118034, 1.118034, np.nan], equal_nan=True)
    if suffix == ".fits":
        assert str(Table.read(tmp_path / "all.fits")["estimated_sigma"].unit) == "ct"
    stated.write(tmp_path / f"stated{suffix}", reading, beside=Catalogue({}, {}))
    assert "estimated_sigma" not in read_table(tmp_path / f"stated{suffix}")
