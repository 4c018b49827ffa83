"""Hashes: of files and of plain values; `code.py` has those of what code does.

Every step's inputs are named by these digests; equal digests mean that there is nothing to do.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__label__ = None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON-able value, the same for equal values whatever their key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON-able document with the digest of all that it says, as `seal`."""
    return {**document, "seal": value_digest(document)}


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a JSON file that was written sealed, without its seal.

    Raises:
        FileNotFoundError: when it is not there.
        ValueError: when it is not what was written.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or document.pop("seal", None) != value_digest(document):
        raise ValueError(f"{path} is not what was written")
    return document
