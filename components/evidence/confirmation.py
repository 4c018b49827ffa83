"""Ask models about images that nothing else is judged on, when one is to take another's place in production.

    ours, theirs = confirm(workspace, problem, folders, dataset, settings, seed=comparison_seed(weights))

Where there is a simulator, images are drawn for this one comparison: by a seed that follows from the models compared,
so that asking again gives the same verdict, and nobody knows the images before the models are there. Where there is
none, it is the confirmation split, and how often that was read is counted. Nothing is kept but what the verdict says:
whoever could look at these losses would choose models by them, as anybody may by those of the test split.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from components.core import ProblemSettings, Workspace
from components.evidence.asking import asking
from components.evidence.confirmation_reads import read_once_more
from components.evidence.refusals import require_unchanged, require_unseen
from components.fields import FRESH, Confirmation, Dataset, Problem, fresh_images, fresh_seed
from models.devices import best_device
from models.estimators import load_model

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Confirmed(Confirmation):
    """What came of it."""

    digest: str
    """Of the losses."""
    images: Mapping[str, Any]
    """Which they are of: the seed and the number of fresh ones, or the split and which reading of it this was."""


def comparison_seed(weights: Iterable[str]) -> int:
    """What the images of a comparison are drawn by.

    Args:
        weights: SHA-256 of the models compared; their order does not matter.
    """
    return fresh_seed(*sorted(weights))


def confirm(
    workspace: Workspace,
    problem: Problem,
    folders: Sequence[Path],
    dataset: Dataset,
    settings: ProblemSettings,
    *,
    seed: int,
) -> list[Confirmed]:
    """What each model loses on the same images.

    Args:
        workspace: where readings of a confirmation split are counted.
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
    loaded = [load_model(folder) for folder in folders]
    parts: list[list[Confirmation]] = [[] for _ in folders]
    known: dict[str, Any] = {"seed": seed, "count": settings.gates.fresh_images}
    shown: Iterable[tuple[Dataset, ProblemSettings]]
    if problem.simulated(settings.simulate):
        drawn = fresh_images(problem, settings, seed=seed, count=settings.gates.fresh_images)
        shown = ((images.dataset, images.settings) for images in drawn)
    else:
        reads = read_once_more(workspace, problem, dataset)
        known, shown = {"split": FRESH, "data": dataset.digest, "reads": reads}, [(dataset, settings)]
    device = best_device()
    with tqdm(desc="confirm", unit="img", disable=None) as bar:
        for images, under in shown:
            for folder, (estimator, description), of in zip(folders, loaded, parts, strict=True):
                require_unseen(folder, description, problem, images)
                answer = asking(estimator.to(device))
                of.append(problem.confirm(answer, images, under, device=device, progress=bar.update))
    require_unchanged(dataset)
    return [_confirmed(of, known) for of in parts]


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
