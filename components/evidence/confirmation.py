"""Ask a model about the confirmation split: once more, and only when it is to take another's place in production.

    ours, theirs = (confirm(problem, folder, dataset, settings) for folder in folders)

Nothing is kept but what the verdict says: whoever could look at these losses would choose models by them, as anybody
may by those of the test split.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from components.core import ProblemSettings
from components.evidence.asking import asking
from components.evidence.refusals import require_unchanged, require_unseen
from components.fields import Confirmation, Dataset, Problem, best_device
from models.estimators import load_model

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Confirmed(Confirmation):
    """What came of it."""

    digest: str
    """Of the losses."""


def confirm(problem: Problem, model_folder: Path, dataset: Dataset, settings: ProblemSettings) -> Confirmed:
    """What a model loses on the confirmation split.

    Raises:
        DamagedModelError: when the weights are not what was saved.
        CannotBeEvaluatedError: when it learned from any of these images.
        AssayError: when the dataset was replaced meanwhile.
    """
    device = best_device()
    estimator, description = load_model(model_folder)
    require_unseen(model_folder, description, problem, dataset)
    with tqdm(desc="confirm", unit="img", disable=None) as bar:
        found = problem.confirm(asking(estimator.to(device)), dataset, settings, device=device, progress=bar.update)
    require_unchanged(dataset)
    digest = hashlib.sha256(b"".join(loss.values.tobytes() for loss in found.losses)).hexdigest()
    return Confirmed(losses=found.losses, slices=found.slices, digest=digest)
