"""What a model's doubts need to know of ordinary images, learned from some that nothing else saw.

learn_familiar(problem, estimator.familiar, settings)
"""

import torch

from components.core import ProblemSettings
from components.fields import Problem, fresh_batches, fresh_seed
from models.estimators import FamiliarImages

__label__ = "familiar_training"


def learn_familiar(problem: Problem, familiar: FamiliarImages, settings: ProblemSettings) -> None:
    """Draw as many images as `familiar` wants, and let it learn from them.

    Args:
        problem: whose images.
        familiar: of the estimator.
        settings: all of the problem's.
    """
    seed, device = fresh_seed(settings.train.seed, "familiar"), familiar.mean_k.device
    batches = fresh_batches(problem, settings, seed=seed, count=familiar.images, device=device)
    familiar.learn(torch.cat([batch.inputs["image"] for batch in batches]))
