"""Known faults of libraries, held against the versions of the lock file, without a network.

    python -m components.packages.advisories                      # `make audit`; exit status 1 when a version has one

`advisories.csv` beside this file has what PyPA's advisory database said of every library of the lock file: which
versions have which fault, by its number, and a row without a number for one that has none. A library that is not in it
was looked up by nobody, which is refused, too. What is newer than that copy, `pip-audit` knows, which needs a network.
"""

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

COPIED = "September 2024"
"""The latest that the copy tells of."""
_COPY = Path(__file__).with_name("advisories.csv")


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """One fault of a run of versions; none where `number` is empty."""

    package: str
    number: str
    introduced: str
    """The first version that has it; 0 for all from the beginning."""
    fixed: str
    """The first that has it no more; empty where there is none, or `last_affected` says it."""
    last_affected: str

    def concerns(self, version: str) -> bool:
        """Whether a version has it."""
        if not self.number:
            return False
        asked = Version(version)
        ended = bool(self.fixed and asked >= Version(self.fixed))
        ended |= bool(self.last_affected and asked > Version(self.last_affected))
        return asked >= Version(self.introduced) and not ended


def read_advisories(path: Path = _COPY) -> tuple[Advisory, ...]:
    """The copy, sorted by package."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Advisory(**row) for row in csv.DictReader(file))


def locked_versions(lock: str) -> dict[str, str]:
    """Versions by canonical name, of the text of a lock file."""
    lines = (line.partition("==") for line in lock.splitlines() if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name.strip()): version.partition(";")[0].strip() for name, _, version in lines}


def faults(versions: Mapping[str, str], advisories: tuple[Advisory, ...]) -> Iterator[str]:
    """What is wrong with some versions, one line each.

    Args:
        versions: by canonical name.
        advisories: the copy.
    """
    looked_up = {canonicalize_name(of.package) for of in advisories}
    for name in sorted(versions):
        if name not in looked_up:
            yield f"{name}: advisories.csv says nothing of it: look it up in PyPA's advisory database and add its rows"
    for of in advisories:
        version = versions.get(canonicalize_name(of.package))
        if version is not None and of.concerns(version):
            newer = f"take {of.fixed} or newer" if of.fixed else "no version is without it: see whether it is used"
            yield f"{of.package}=={version} has {of.number}: {newer}"


def main() -> int:
    """Print what is wrong with the lock file of the current folder."""
    versions = locked_versions(Path("requirements.lock").read_text(encoding="utf-8"))
    advisories = read_advisories()
    found = list(faults(versions, advisories))
    print(*found, sep="\n", end="\n" if found else "")
    numbers = len({of.number for of in advisories if of.number})
    print(f"{len(versions)} libraries, {numbers} advisories up to {COPIED}: {len(found)} to be seen to")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
