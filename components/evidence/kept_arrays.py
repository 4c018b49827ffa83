"""Arrays that no model takes part in: made once, and read by every evaluation after that.

    found = read_or_make("pixels", inputs, cache, make)

What decides them is in their key: the code that makes them, images, settings and seeds.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from components.core import value_digest

__label__ = "kept_arrays"

Arrays = dict[str, np.ndarray[Any, Any]]


def read_or_make(name: str, inputs: Mapping[str, Any], cache: Path, make: Callable[[], Arrays]) -> Arrays:
    """Read them, or make and keep them.

    Args:
        name: what they are, for people who look into the folder.
        inputs: all that decides them, as JSON-able values.
        cache: the folder.
        make: called where they are not there.
    """
    path = cache / f"{name}-{value_digest(inputs)[:16]}.safetensors"
    if path.exists():
        return dict(load_file(path))
    found = make()
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({of: np.ascontiguousarray(array) for of, array in found.items()}, partial)
    partial.replace(path)
    return found


def array_digest(array: np.ndarray[Any, Any]) -> str:
    """Of its bytes, for a key."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
