"""What a saved model says of itself: a JSON document beside its weights, read and checked without building a network.

description = read_description(folder)
description["estimator"], description["weights_sha256"]
"""

import hashlib
import json
from pathlib import Path
from typing import Any

__label__ = "descriptions"

WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"


class DamagedModelError(Exception):
    """A model's file is missing or is not what its recorded digest says; the message names it."""


def read_description(folder: Path) -> dict[str, Any]:
    """The description of a complete model, after its weights were checked.

    Raises:
        DamagedModelError: when a file is missing or the weights are not those described.
    """
    try:
        description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise DamagedModelError(f"{error.filename} is missing") from error
    except ValueError as error:
        raise DamagedModelError(f"{folder / DESCRIPTION} is not JSON") from error
    if digest != description.get("weights_sha256"):
        raise DamagedModelError(f"{folder / WEIGHTS} is not what was saved (SHA-256 {digest[:12]}… differs)")
    return description
