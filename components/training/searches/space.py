"""What a trial tries: its values from the space, by whom they are chosen, and which it may not try again.

    seed_of(search, place=3)                      # of all that is drawn for the third trial, in this search alone
    chosen = suggest(trial, settings)             # {"network": "residual", "width": 16, …}

The values of params.yaml come first, then some drawn by chance, then what TPE expects most of.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna

from components.core import ProblemSettings, SearchSettings, Span, TrainSettings, holds

__label__ = "search_space"

_RANDOM = 10
"""Trials drawn by chance before TPE has enough to learn from, and no more than a third of all."""
_PRUNE_AFTER_TRIALS = 3
"""Complete trials before the first is pruned: fewer make no median."""
_SHARE = 3
"""Of the trials at one length, one in so many goes on to the next."""
TOO_LARGE = "out_of_memory"
"""Attribute of a trial that was: what decides how much memory a training takes."""
_OF_MEMORY = ("network", "width", "batch_size")


def seed_of(search: SearchSettings, place: int) -> int:
    """The seed of one trial; no other place and no other search has it."""
    return int(np.random.SeedSequence([search.seed, place]).generate_state(1)[0])


def startup_trials(search: SearchSettings) -> int:
    """How many trials have ended before TPE chooses."""
    return max(1, min(_RANDOM, search.trials // _SHARE))


def make_sampler(search: SearchSettings, place: int) -> optuna.samplers.BaseSampler:
    """Who chooses for a trial; what runs beside it counts as tried."""
    return optuna.samplers.TPESampler(
        n_startup_trials=startup_trials(search), multivariate=True, constant_liar=True, seed=seed_of(search, place)
    )


def make_pruner(search: SearchSettings) -> optuna.pruners.BasePruner:
    """Who ends trials early, by their validation losses after each epoch."""
    if search.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_SHARE)
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=search.epochs, reduction_factor=_SHARE)
    return optuna.pruners.MedianPruner(n_startup_trials=_PRUNE_AFTER_TRIALS)


def first_values(settings: ProblemSettings) -> dict[str, Any]:
    """What params.yaml says, as far as it is in the space: a search can only improve on it."""
    first = {name: getattr(settings.train, name) for name in settings.search.space}
    return {name: value for name, value in first.items() if holds(settings.search.space[name], value)}


def suggest(trial: optuna.Trial, settings: ProblemSettings) -> dict[str, Any]:
    """A value for each field of the space."""
    space = settings.search.space
    return {name: _suggested(trial, name, choices, settings.train) for name, choices in space.items()}


def memory_of(train: TrainSettings) -> dict[str, Any]:
    """What decides how much memory a training takes."""
    return {name: getattr(train, name) for name in _OF_MEMORY}


def known_too_large(study: optuna.Study, train: TrainSettings) -> Mapping[str, Any] | None:
    """What ran out of memory before and is no larger than this; None when nothing was."""
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.FAIL,)):
        found: Mapping[str, Any] | None = trial.user_attrs.get(TOO_LARGE)
        if (
            found is not None
            and found["network"] == train.network
            and found["width"] <= train.width
            and found["batch_size"] <= train.batch_size
        ):
            return found
    return None


def _suggested(trial: optuna.Trial, name: str, choices: Span | tuple[Any, ...], train: TrainSettings) -> Any:
    """Of the choices, or of the range, whole where the field is."""
    if not isinstance(choices, Span):
        return trial.suggest_categorical(name, choices)
    if isinstance(getattr(train, name), int):
        step = int(choices.step or 1)
        return trial.suggest_int(name, int(choices.low), int(choices.high), step=step, log=choices.log)
    return trial.suggest_float(name, choices.low, choices.high, step=choices.step, log=choices.log)
