"""What no evaluation is made of: models that answer nothing any more, and models judged on what they learned from.

require_unseen(model_folder, description, problem, dataset)
require_unchanged(dataset)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError
from components.fields import HELD_OUT, Dataset, Problem, image_digests, read_manifest, read_seen, stored_kinds

__label__ = None


class CannotBeEvaluatedError(AssayError):
    """The model cannot be judged on this dataset, or on any: the message says why."""


def require_unseen(folder: Path, description: Mapping[str, Any], problem: Problem, dataset: Dataset) -> None:
    """Go on only with a model that learned from none of the images that it is to be judged on.

    Args:
        folder: the model's.
        description: as `models.estimators.saved` keeps it.
        problem: what is judged.
        dataset: what it is judged on.

    Raises:
        CannotBeEvaluatedError: with the number of images that it learned from, or when it does not keep which.
    """
    described = description.get("seen_images")
    try:
        seen = read_seen(folder, described)
    except AssayError as error:
        raise CannotBeEvaluatedError(f"{problem.name}: the model cannot be evaluated: {error}") from error
    fields = described["fields"] if described else {}
    today = stored_kinds(dataset, list(fields))
    if today != fields:
        raise CannotBeEvaluatedError(
            f"{problem.name}: the model learned from images known by {_told(fields)}, and {dataset.folder} has "
            f"{_told(today)}, so that nobody can tell which of them it has seen: train it on this data"
        )
    for split in HELD_OUT:
        shared = int(np.isin(image_digests(dataset, list(fields), dataset.rows(split)), seen).sum())
        if shared:
            raise CannotBeEvaluatedError(
                f"{problem.name}: the model learned from {shared:,} of the {len(dataset.rows(split)):,} {split} images "
                f"of {dataset.folder}: evaluate it on other data, or train it on this"
            )


def _told(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in fields.items())


def require_unchanged(dataset: Dataset) -> None:
    """Go on only when a dataset is still the one that was opened.

    Raises:
        AssayError: when another one lies in its place.
    """
    if read_manifest(dataset.folder) != dataset.manifest:
        raise AssayError(f"{dataset.folder} was replaced while the model was measured on it: repeat the command")
