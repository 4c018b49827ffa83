"""Digests that are known: nothing is hashed twice, and nothing that was written to is believed."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.digests import file_sha256
from components.core.known_digests import KnownDigests

Hashed = Callable[[Path], bool]


@pytest.fixture
def known(tmp_path: Path) -> KnownDigests:
    return KnownDigests(folder=tmp_path / "digests")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    path.write_bytes(b"what was written")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets clocks of files tick, without anybody waiting."""
    clock = time.time_ns
    return lambda: monkeypatch.setattr(time, "time_ns", lambda: clock() + 3_000_000_000)


@pytest.fixture
def hashed(known: KnownDigests, monkeypatch: pytest.MonkeyPatch) -> Hashed:
    """Asks for a digest, which is right in any case; whether the file was read for it."""
    read: list[Any] = []
    digest = hashlib.file_digest

    def counted(file: Any, kind: str) -> Any:
        read.append(file)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)

    def ask(path: Path) -> bool:
        right = hashlib.sha256(path.read_bytes()).hexdigest()
        read.clear()
        assert known.sha256(path) == right
        return bool(read)

    return ask


def test_a_file_is_hashed_once(hashed: Hashed, file: Path, later: Callable[[], None]) -> None:
    later()
    assert [hashed(file) for _ in range(3)] == [True, False, False]


def test_a_file_that_was_just_written_is_not_believed(
    hashed: Hashed, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could be written to again within the same tick, and would have the same time."""
    written = file.stat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: written)
    assert [hashed(file) for _ in range(2)] == [True, True]


def test_what_is_written_while_a_file_is_hashed_is_found(
    known: KnownDigests, file: Path, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    later()
    digest = hashlib.file_digest

    def disturbed(of: Any, kind: str) -> Any:
        found = digest(of, kind)
        file.write_bytes(b"WHAT WAS WRITTEN")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", disturbed)
        before = known.sha256(file)
    assert known.sha256(file) == file_sha256(file) != before


def _same_size(path: Path) -> None:
    path.write_bytes(b"what was changed")


def _same_size_and_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"what was changed")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _another_in_its_place(path: Path) -> None:
    before, other = path.stat(), path.with_name("other")
    other.write_bytes(b"what was changed")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def _longer(path: Path) -> None:
    path.write_bytes(b"what was written, and more")


@pytest.mark.parametrize("change", [_same_size, _same_size_and_time, _another_in_its_place, _longer])
def test_a_file_that_was_changed_is_hashed_again(
    hashed: Hashed, file: Path, later: Callable[[], None], change: Callable[[Path], None]
) -> None:
    later()
    assert hashed(file)
    change(file)
    assert hashed(file)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"sha256": "00"}\n', b"\xff\xfe", b"[]"])
def test_what_is_kept_may_be_damaged(
    known: KnownDigests, hashed: Hashed, file: Path, later: Callable[[], None], damage: bytes
) -> None:
    later()
    assert hashed(file)
    (kept,) = known.folder.iterdir()
    kept.write_bytes(damage)
    assert [hashed(file) for _ in range(2)] == [True, False]


def test_a_digest_that_was_exchanged_is_not_believed(
    known: KnownDigests, hashed: Hashed, file: Path, later: Callable[[], None]
) -> None:
    later()
    assert hashed(file)
    (kept,) = known.folder.iterdir()
    kept.write_text(kept.read_text().replace(file_sha256(file), "0" * 64))
    assert hashed(file)


def test_where_nothing_can_be_kept_files_are_hashed(file: Path, later: Callable[[], None], tmp_path: Path) -> None:
    later()
    (tmp_path / "a file").write_text("")
    assert KnownDigests(folder=tmp_path / "a file" / "digests").sha256(file) == file_sha256(file)
