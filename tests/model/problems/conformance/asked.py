"""What tests of every problem ask of it: an untrained estimator, its evaluation, a batch."""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from components.core.settings import ProblemSettings
from components.evidence.asking import asking
from components.fields.dataset import Dataset
from components.fields.estimators import build_estimator
from components.fields.evaluation import Evaluation
from components.fields.presenting import Batch, present, presented, read_stored
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from models.estimators import Estimator, build

CPU = torch.device("cpu")
EVALUATED: dict[str, Evaluation] = {}
"""By the problem's name; whose tests all have the same settings and the same dataset."""


class Conformance:
    """What a problem's test module says of it, and what its tests share."""

    networks: tuple[str, ...] = ()
    """Networks of the problem's kind, each of which must be able to answer; params.yaml's alone when there are none."""
    waits: int = 0
    """How often a step of a training waits for a GPU, at most; a number that may only sink."""
    noise: bool = True
    """Whether images have noise of their own where nothing else is drawn afresh."""

    @staticmethod
    def estimator(problem: Problem, settings: ProblemSettings) -> Estimator:
        """An untrained one, from JSON alone."""
        torch.manual_seed(0)
        built = build_estimator(problem, settings)
        again = build(json.loads(json.dumps(problem.estimator_config(settings))))
        again.load_state_dict(built.state_dict())
        return again.eval()

    def untrained_evaluation(self, problem: Problem, settings: ProblemSettings, dataset: Dataset) -> Evaluation:
        """That of an untrained model, made once in a process: it takes longer than most of the tests."""
        if problem.name not in EVALUATED:
            EVALUATED[problem.name] = self.evaluation(problem, settings, dataset, self.estimator(problem, settings))
        return EVALUATED[problem.name]

    @staticmethod
    def evaluation(problem: Problem, settings: ProblemSettings, dataset: Dataset, estimator: Estimator) -> Evaluation:
        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                asking(estimator), dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )


def show(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, rows: np.ndarray, seed: int, *, training: bool
) -> Batch:
    """One batch."""
    if not training:
        (batch,) = presented(problem, dataset, settings, rows, seed=[seed], device=CPU)
        return batch
    stored = read_stored(problem, dataset, settings, rows)
    return present(problem, stored, row_seeds([seed], rows), settings, training=True, device=CPU)
