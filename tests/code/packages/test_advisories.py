"""No library of the lock file has a known fault, or was looked up by nobody."""

import pytest

from components.core import HOUSE
from components.packages.advisories import Advisory, faults, locked_versions, read_advisories

FAULT = Advisory(package="Some_Library", number="PYSEC-2024-1", introduced="1.0", fixed="1.10", last_affected="")


@pytest.mark.parametrize(
    ("version", "concerned"),
    [("0.9", False), ("1.0", True), ("1.9.9", True), ("1.10rc1", True), ("1.10", False), ("2.0", False)],
)
def test_a_fault_is_that_of_the_versions_from_the_first_that_has_it_to_the_one_before_the_fixed(
    version: str, concerned: bool
) -> None:
    assert FAULT.concerns(version) == concerned
    assert list(faults({"some-library": version}, (FAULT,))) == (
        [f"Some_Library=={version} has PYSEC-2024-1: take 1.10 or newer"] if concerned else []
    )


def test_a_fault_that_nobody_fixed_is_that_of_every_later_version_up_to_the_last_that_is_known_to_have_it() -> None:
    for_ever = Advisory(package="a", number="X", introduced="0", fixed="", last_affected="")
    assert for_ever.concerns("99.0")
    until = Advisory(package="a", number="X", introduced="0", fixed="", last_affected="2.1")
    assert [until.concerns(version) for version in ("2.0", "2.1", "2.1.1")] == [True, True, False]


def test_a_library_that_nobody_looked_up_is_refused_and_one_without_faults_is_not() -> None:
    clean = Advisory(package="b", number="", introduced="", fixed="", last_affected="")
    (line,) = faults({"a": "1.0", "b": "1.0"}, (clean,))
    assert line.startswith("a: advisories.csv says nothing of it")


def test_versions_are_read_as_the_lock_file_writes_them() -> None:
    text = "# made by\nFlask==3.1.3\nruamel.yaml.clib==0.2.15 ; python_version < '3.13'\n"
    assert locked_versions(text) == {"flask": "3.1.3", "ruamel-yaml-clib": "0.2.15"}


def test_the_lock_file_has_no_known_fault_and_no_library_that_nobody_looked_up() -> None:
    versions = locked_versions((HOUSE / "requirements.lock").read_text(encoding="utf-8"))
    assert len(versions) > 200
    assert list(faults(versions, read_advisories())) == []
    old = {**versions, "aiohttp": "3.7.0", "pillow": "8.0.0"}
    told = {line.partition("==")[0] for line in faults(old, read_advisories())}
    assert told == {"aiohttp", "pillow"}, "the copy tells of faults of older versions"
