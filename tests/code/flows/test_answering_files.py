"""Files are asked about in batches by one server of one version; one that is refused keeps no other from its answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import AssayError
from flows.answering_files import answer_files
from tests.toys.answering_server import answering_server


def read(_: Path) -> dict[str, Any]:
    return {"image": np.ones((2, 2), dtype=np.float32)}


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

    def counted(_: Path) -> dict[str, Any]:
        image = np.ones((2, 2), dtype=np.float32).view(Counted)
        alive.append(1)
        seen.append(len(alive))
        return {"image": image}

    seen: list[int] = []
    with answering_server(3) as there:
        answer_files(there.url, [Path(f"{number}.npy") for number in range(640)], counted, shown="")
    assert max(seen) <= 4 * 64, "the one that is read, two on their way, one that is let go"
