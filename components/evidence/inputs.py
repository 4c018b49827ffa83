"""What evidence rests on; evidence of other inputs is stale.

key = value_digest(evaluation_inputs(problem, read_description(model_folder), dataset.digest, settings))
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.core import EntryPoint, ProblemSettings, code_of, settings_values
from components.evidence.asking import asking
from components.evidence.refusals import CannotBeEvaluatedError
from components.fields import Problem
from models.estimators import answering_modules

__label__ = None


def evaluation_inputs(
    problem: Problem, description: Mapping[str, Any], data: str, settings: ProblemSettings
) -> dict[str, Any]:
    """What decides an evaluation.

    Args:
        problem: what was evaluated.
        description: the model's, as `models.estimators.saved` keeps it.
        data: digest of the dataset with the images.
        settings: the problem's.

    Raises:
        CannotBeEvaluatedError: when its kind or its network is no more.
    """
    asked = problem.sources(settings.simulate).evaluation
    return {
        **_model_inputs(problem, description, settings, asked),
        "data": data,
        "settings": settings_values(settings.evaluate),
    }


def honesty_inputs(problem: Problem, description: Mapping[str, Any], settings: ProblemSettings) -> dict[str, Any]:
    """What decides a measurement of honesty, which no dataset takes part in; as of `evaluation_inputs`."""
    asked = problem.sources(settings.simulate).honesty
    return {
        **_model_inputs(problem, description, settings, asked),
        "settings": settings_values(settings.honesty),
        "bootstrap": settings.evaluate.bootstrap,
    }


def _model_inputs(
    problem: Problem, description: Mapping[str, Any], settings: ProblemSettings, asked: Sequence[EntryPoint]
) -> dict[str, Any]:
    try:
        answering = answering_modules(description["estimator"])
    except ValueError as error:
        raise CannotBeEvaluatedError(f"{problem.name}: the model cannot be evaluated any more: {error}") from error
    unused = problem.sources(settings.simulate).unused
    return {
        **code_of(asking, *answering, *asked, unused=unused).as_inputs(),
        "problem": problem.name,
        "weights": description["weights_sha256"],
        "simulation": settings_values(settings.simulate),
    }
