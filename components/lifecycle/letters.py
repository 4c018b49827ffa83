"""The letters of an outbox: an event as a file, to whom it still has to go, and where files go that cannot.

    write_letter(outbox, Letter(to=To(command=None, url=True), body={"event": "refused", …}))
    letter = read_letter(path)                                   # NoLetterError for whatever else lies there
    set_aside(path, as_bad(path))

Files are named by the time they were written at, and go in that order. Only names that end in `.json` and do not begin
with a dot are letters; what is set aside is called `….bad`, or lies in `undelivered/`, for a person to look at.
"""

import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, StrictBool, StrictStr, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

_AS_WRITTEN = ConfigDict(extra="forbid")
_WRITTEN_AT = re.compile(r"(\d{20})-")


class NoLetterError(Exception):
    """A file in the outbox that is no letter; the message says why."""


@dataclass(frozen=True, kw_only=True, config=_AS_WRITTEN)
class To:
    """Who has not been told yet."""

    command: list[StrictStr] | None
    """Program and arguments; None where there is none, or it was told."""
    url: StrictBool | None
    """Whether the address is to be told; it is written down nowhere."""


@dataclass(frozen=True, kw_only=True, config=_AS_WRITTEN)
class Letter:
    """An event and to whom it still has to go."""

    to: To
    body: dict[str, Any]


_LETTER = TypeAdapter(Letter)


def new_body(event: dict[str, Any]) -> dict[str, Any]:
    """An event with an id, by which one that comes twice is known again, and the time; its own where it has them."""
    return {"id": uuid.uuid4().hex, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **event}


def write_letter(outbox: Path, letter: Letter) -> None:
    """Put a new letter behind the others."""
    # In nanoseconds: two of one millisecond keep their order.
    rewrite_letter(outbox / f"{time.time_ns():020}-{uuid.uuid4().hex}.json", letter)


def rewrite_letter(path: Path, letter: Letter) -> None:
    """Put a letter in the place of one, whole or not at all."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(asdict(letter)), encoding="utf-8")
    unfinished.replace(path)


def letters_in(outbox: Path) -> list[Path]:
    """What is there to be delivered, oldest first, whether it is a letter or only called so."""
    return sorted(outbox.glob("[!.]*.json"))


def read_letter(path: Path) -> Letter:
    """What a file says.

    Raises:
        NoLetterError: when it is a folder, cannot be read, is not JSON, or says other things than a letter does.
    """
    if not path.is_file():  # a pipe would keep us waiting
        raise NoLetterError("it is not a file")
    try:
        return _LETTER.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise NoLetterError(f"{'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise NoLetterError(str(error)) from error


def age_s(path: Path) -> float:
    """Seconds since a letter was written; negative where the clock was ahead then.

    Its name says it, which a copy of the folder keeps; of a file that somebody named, its time of change.
    """
    found = _WRITTEN_AT.match(path.name)
    return time.time() - (int(found[1]) / 1e9 if found else path.stat().st_mtime)


def set_aside(path: Path, targets: Iterator[Path]) -> Path:
    """Move a file to the first of some places that is free, and say which."""
    target = next(target for target in targets if not os.path.lexists(target))
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    return target


def as_bad(path: Path) -> Iterator[Path]:
    """Names for what is no letter, by which it is not taken for one again."""
    yield path.with_suffix(".bad")
    yield from (path.with_suffix(f".{number}.bad") for number in count(2))


def as_undelivered(path: Path) -> Iterator[Path]:
    """Places for a letter that nobody took."""
    folder = path.parent / "undelivered"
    yield folder / path.name
    yield from (folder / f"{path.stem}.{number}.json" for number in count(2))
