"""Hashes: of files, of plain values, and of what Python modules do.

Every step's inputs are named by these digests; equal digests mean that there is nothing to do.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any


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


def code_digest(modules: Iterable[ModuleType]) -> dict[str, str]:
    """Digest of what each module's code does: comments, docstrings and layout do not count.

    Returns:
        Module name to digest, so that a change can be reported by the module's name.
    """
    return {module.__name__: source_digest(Path(str(module.__file__))) for module in modules}


def source_digest(path: Path) -> str:
    """Digest of what the code of one file does."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # a string that stands alone is documentation
            body[:] = [
                line
                for line in body
                if not (
                    isinstance(line, ast.Expr)
                    and isinstance(line.value, ast.Constant)
                    and isinstance(line.value.value, str)
                )
            ]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
