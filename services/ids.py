"""Ids of predictions: each says which version answered, and shows that one of its packages gave it, without any log.

id = new_id("galaxy-shape", 3, digest)       # galaxy-shape.3.5f0c…: the last eight digits check the rest
given_by(id, digest)
"""

import hashlib
import uuid

_RANDOM, _CHECK = 24, 8
"""Hexadecimal digits."""


def new_id(problem: str, version: int, digest: str) -> str:
    """An id that no prediction had before.

    Args:
        problem: of the model.
        version: of it.
        digest: of the package that answers.
    """
    stem = f"{problem}.{version}.{uuid.uuid4().hex[:_RANDOM]}"
    return stem + _check(stem, digest)


def given_by(prediction: str, digest: str) -> bool:
    """Whether a package gave an id; one that somebody mistyped, or made up without the package, it did not."""
    return prediction[-_CHECK:] == _check(prediction[:-_CHECK], digest)


def _check(stem: str, digest: str) -> str:
    return hashlib.sha256(f"{stem} {digest}".encode()).hexdigest()[:_CHECK]
