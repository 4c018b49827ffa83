"""What no evaluation is made of: models that answer nothing any more, and models judged on what they learned from.

require_unseen(model_folder, description, problem, dataset, settings)
require_unchanged(dataset)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.core import AssayError, ProblemSettings
from components.fields import HELD_OUT, Dataset, Problem, image_digests, read_manifest, read_seen

__label__ = None


class CannotBeEvaluatedError(AssayError):
    """The model cannot be judged on this dataset, or on any: the message says why."""


def require_unseen(
    folder: Path, description: Mapping[str, Any], problem: Problem, dataset: Dataset, settings: ProblemSettings
) -> None:
    """Go on only with a model that learned from none of the images that it is to be judged on.

    Args:
        folder: the model's.
        description: as `models.estimators.saved` keeps it.
        problem: what is judged.
        dataset: what it is judged on.
        settings: the problem's.

    Raises:
        CannotBeEvaluatedError: with the number of images that it learned from, or when it does not keep which.
    """
    try:
        seen = read_seen(folder, description.get("seen_images_sha256"))
    except AssayError as error:
        raise CannotBeEvaluatedError(f"{problem.name}: the model cannot be evaluated: {error}") from error
    names = [field.name for field in problem.stored(settings.simulate)]
    for split in HELD_OUT:
        shared = int(np.isin(image_digests(dataset, names, dataset.rows(split)), seen).sum())
        if shared:
            raise CannotBeEvaluatedError(
                f"{problem.name}: the model learned from {shared:,} of the {len(dataset.rows(split)):,} {split} images "
                f"of {dataset.folder}: evaluate it on other data, or train it on this",
            )


def require_unchanged(dataset: Dataset) -> None:
    """Go on only when a dataset is still the one that was opened.

    Raises:
        AssayError: when another one lies in its place.
    """
    if read_manifest(dataset.folder) != dataset.manifest:
        raise AssayError(f"{dataset.folder} was replaced while the model was measured on it: repeat the command")
