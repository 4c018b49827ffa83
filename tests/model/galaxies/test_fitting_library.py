"""The compiled library: built once for its sources, without a warning, and in one line where it cannot be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.house import HOUSE
from models.galaxies.fitting.library import __sources__

ROOM = Path("models") / "galaxies" / "fitting"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the models' code, with nothing compiled."""
    shutil.copytree(HOUSE / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    return tmp_path


def loaded(house: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of that house that loads the library."""
    return subprocess.run(
        [sys.executable, "-c", "from library import library; library().fit_images"],
        env={**os.environ, "PYTHONPATH": str(house / ROOM), **environment}, capture_output=True, text=True,
    )  # fmt: skip


def libraries(house: Path) -> list[Path]:
    return sorted((house / ROOM).glob("*.so"))


def test_it_is_built_once_and_anew_when_a_source_changes(house: Path) -> None:
    assert loaded(house).returncode == 0
    (first,) = libraries(house)
    assert loaded(house, CC="/nowhere/cc").returncode == 0  # it is there: no compiler is asked
    source = house / ROOM / "step.c"
    source.write_text(source.read_text(encoding="utf-8") + "/* changed */\n", encoding="utf-8")
    assert loaded(house).returncode == 0
    (second,) = libraries(house)
    assert second.name != first.name
    second.write_bytes(b"made for another machine")
    assert loaded(house, CC="cc -O3").returncode == 0
    assert libraries(house) == [second]
    assert second.stat().st_size > 10_000


def test_a_package_gets_no_file_more(house: Path) -> None:
    (house / "model").mkdir()
    (house / "model" / "package.json").touch()
    assert loaded(house).returncode == 0
    assert libraries(house) == []


def test_without_a_compiler_one_line_says_what_to_do(house: Path) -> None:
    done = loaded(house, CC="/nowhere/cc")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "no C compiler '/nowhere/cc'" in last
    assert "install gcc or clang, or name yours in CC" in last


def test_sources_that_do_not_compile_are_said_to(house: Path) -> None:
    (house / ROOM / "step.c").write_text("int wrong(;\n", encoding="utf-8")
    done = loaded(house)
    assert done.returncode == 1
    assert "NoCompilerError: cc could not build fit-" in done.stderr
    assert "step.c:1:11: error" in done.stderr


def test_every_source_is_named_and_compiles_without_a_warning(tmp_path: Path) -> None:
    room = HOUSE / ROOM
    assert {path.name for ending in ("*.c", "*.h") for path in room.glob(ending)} == set(__sources__)
    for name in __sources__:
        if name.endswith(".c"):
            command = ["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(room / name)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
