"""Answers to some files in the words of the service, as `assay predict` lists them or prints them with `--json`.

    items, refused = each_of(files, read)                  # read(file): what a model is given of it
    said, unanswered = ask_about(url, items, samples=0, token=None)

A file that cannot be read or answered keeps no other from its answer. Tables of many files: `answering_files.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from assay.client import bearer
from components.core import AssayError

Item = TypeVar("Item")


def each_of(files: Sequence[Path], read: Callable[[Path], Item]) -> tuple[dict[Path, Item], dict[Path, str]]:
    """What becomes of each file, or why nothing does."""
    items: dict[Path, Item] = {}
    refused: dict[Path, str] = {}
    for file in files:
        try:
            items[file] = read(file)
        except AssayError as error:
            refused[file] = str(error)
    return items, refused


def plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays as lists, for JSON."""
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in inputs.items()}


def ask_about(
    address: str, items: Mapping[Path, Any], samples: int, token: str | None
) -> tuple[dict[str, Any] | None, dict[Path, str]]:
    """The answers to all that can be answered, and why the others are not."""
    from components.packages import RefusedRequestError, request

    if not items:
        return None, {}
    try:
        return request(address, list(items.values()), samples=samples, headers=bearer(token)), {}
    except RefusedRequestError:
        pass  # one of them is at fault: each is asked about by itself, and named
    headers = bearer(token)
    answered, refused = each_of(
        list(items), lambda file: request(address, [items[file]], samples=samples, headers=headers)
    )
    refused = {file: line.replace("images[0]", str(file)) for file, line in refused.items()}
    parts = list(answered.values())
    if not parts:
        return None, refused
    return {**parts[0], "predictions": [one for part in parts for one in part["predictions"]]}, refused
