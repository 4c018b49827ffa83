"""Ask models about images that nothing else is judged on, when one is to take another's place in production.

    ours, theirs = confirm(problem, folders, dataset, settings, seed=comparison_seed(weights))

Where there is a simulator, images are drawn for this one comparison: by a seed that follows from the models compared,
so that asking again gives the same verdict, and nobody knows the images before the models are there. Where there is
none, it is the confirmation split. Nothing is kept but what the verdict says: whoever could look at these losses would
choose models by them, as anybody may by those of the test split.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from components.core import ProblemSettings
from components.evidence.asking import asking
from components.evidence.refusals import require_unchanged, require_unseen
from components.fields import Answer, Confirmation, Dataset, Problem, best_device, fresh_images
from models.estimators import load_model

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Confirmed(Confirmation):
    """What came of it."""

    digest: str
    """Of the losses."""
    images: Mapping[str, Any]
    """Which they are of: the seed and the number of fresh ones, or the split."""


def comparison_seed(weights: Iterable[str]) -> int:
    """What the images of a comparison are drawn by.

    Args:
        weights: SHA-256 of the models compared; their order does not matter.
    """
    return int.from_bytes(hashlib.sha256("".join(sorted(weights)).encode()).digest()[:4], "big")


def confirm(
    problem: Problem, folders: Sequence[Path], dataset: Dataset, settings: ProblemSettings, *, seed: int
) -> list[Confirmed]:
    """What each model loses on the same images.

    Args:
        problem: what they are for.
        folders: the models'.
        dataset: whose confirmation split it is, where nothing can be drawn.
        settings: the problem's.
        seed: of what is drawn.

    Raises:
        DamagedModelError: when weights are not what was saved.
        CannotBeEvaluatedError: when a model learned from any of these images.
        AssayError: when the dataset was replaced meanwhile.
    """
    device, answers = best_device(), []
    for folder in folders:
        estimator, description = load_model(folder)
        if not problem.simulated:
            require_unseen(folder, description, problem, dataset)
        answers.append(asking(estimator.to(device)))
    if not problem.simulated:
        found = [_asked(problem, answer, [(dataset, settings)]) for answer in answers]
        require_unchanged(dataset)
        return [_confirmed(parts, {"split": "confirmation", "data": dataset.digest}) for parts in found]
    count = settings.gates.fresh_images
    parts: list[list[Confirmation]] = [[] for _ in answers]
    for images in fresh_images(problem, settings, seed=seed, count=count):
        for answer, of in zip(answers, parts, strict=True):
            of += _asked(problem, answer, [(images.dataset, images.settings)])
    return [_confirmed(of, {"seed": seed, "count": count}) for of in parts]


def _asked(problem: Problem, answer: Answer, images: Sequence[tuple[Dataset, ProblemSettings]]) -> list[Confirmation]:
    with tqdm(desc="confirm", unit="img", disable=None) as bar:
        return [
            problem.confirm(answer, dataset, settings, device=best_device(), progress=bar.update)
            for dataset, settings in images
        ]


def _confirmed(parts: Sequence[Confirmation], images: Mapping[str, Any]) -> Confirmed:
    """The parts one after the other."""
    losses = tuple(
        replace(of_each[0], values=np.concatenate([loss.values for loss in of_each]))
        for of_each in zip(*(part.losses for part in parts), strict=True)
    )
    digest = hashlib.sha256(b"".join(loss.values.tobytes() for loss in losses)).hexdigest()
    return Confirmed(
        losses=losses, slices=np.concatenate([part.slices for part in parts]), digest=digest, images=images
    )
