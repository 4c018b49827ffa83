"""The option --set of the commands that ask a model: what holds of every image, as NAME=NUMBER or NAME=FILE."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import numpy as np


def conditions_of(texts: "Iterable[str]", read_image: "Callable[[Path], np.ndarray[Any, Any]]") -> dict[str, Any]:
    """What holds of every image."""
    given: dict[str, Any] = {}
    for text in texts:
        name, value = _condition(text, read_image)
        if name in given:
            raise typer.BadParameter(f"--set {text}: {name} is set twice; every image has it once")
        given[name] = value
    return given


def _condition(text: str, read_image: "Callable[[Path], np.ndarray[Any, Any]]") -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        if Path(value).is_file():
            return name, read_image(Path(value)).tolist()
        raise typer.BadParameter(f"--set {text}: must be NAME=NUMBER, or NAME=FILE of a file that there is") from error
