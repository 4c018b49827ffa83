"""Files are read before they are asked for, in their order, and no more of them than there is room for."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.errors import AssayError
from flows.reading_ahead import ReadingAhead

FILES = [Path(f"{number}.fits") for number in range(40)]


def reading(read: Callable[[Path], int]) -> ReadingAhead[int]:
    return ReadingAhead(FILES, read, size=lambda _: 10)


def number_of(file: Path) -> int:
    return int(file.stem)


def test_each_file_is_what_was_read_of_it_and_one_that_cannot_be_read_keeps_no_other() -> None:
    def read(file: Path) -> int:
        if number_of(file) % 7 == 3:
            raise AssayError(f"{file}: truncated")
        return number_of(file)

    found, refused = [], []
    with reading(read) as ahead:
        for file in FILES:
            try:
                found.append(ahead.of(file))
            except AssayError as error:
                refused.append(str(error))
    assert found == [number for number in range(40) if number % 7 != 3]
    assert refused == [f"{number}.fits: truncated" for number in range(3, 40, 7)]


@pytest.mark.parametrize("room", [{"most": 60}, {"most_files": 6}])
def test_files_are_read_while_nobody_asks_until_there_is_no_room(room: dict[str, int]) -> None:
    read, sixth = list[Path](), threading.Event()

    def one(file: Path) -> int:
        read.append(file)
        if len(read) == 6:
            sixth.set()
        return number_of(file)

    with ReadingAhead(FILES, one, size=lambda _: 10, **room) as ahead:
        assert sixth.wait(10)
        for number in range(20):
            assert len(read) <= number + 6
            assert ahead.of(FILES[number]) == number
    assert len(read) <= 20 + 6


def test_a_fault_of_a_reader_is_raised_to_who_waits_for_the_file() -> None:
    with reading(lambda file: 1 // (number_of(file) - 1)) as ahead:
        assert ahead.of(FILES[0]) == -1
        with pytest.raises(ZeroDivisionError):
            ahead.of(FILES[1])


def test_nothing_is_left_behind_when_whoever_asks_gives_up() -> None:
    before = threading.active_count()
    with pytest.raises(AssayError, match="no server"), reading(number_of):
        raise AssayError("no server")
    assert threading.active_count() == before
