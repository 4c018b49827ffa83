"""What decides a training and a search, beside the data: code, settings and libraries, as plain values for keys."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.core import AssayError, EntryPoint, ProblemSettings, code_of, settings_values, value_digest
from components.fields import Dataset, Problem
from models.devices import best_device, device_name
from models.estimators import answering_modules

__label__ = None

_OF_PROCESSES = ("distributed", "shared_statistics")
"""Code of trainings over several processes alone."""


def training_inputs(problem: Problem, settings: ProblemSettings) -> dict[str, Any]:
    """What decides a training: the loop, the problem's part in it, and the one estimator.

    Raises:
        AssayError: when there is no network of that name.
    """
    sources = problem.sources(settings.simulate)
    entries: tuple[EntryPoint, ...] = (f"{__package__}.run", *_modules(problem, settings), *sources.training)
    unused = sources.unused + (_OF_PROCESSES if settings.train.processes == 1 else ())
    return {**code_of(*entries, unused=unused).as_inputs(), "settings": settings_values(settings.train)}


def training_key(problem: Problem, dataset: Dataset, inputs: Mapping[str, Any]) -> str:
    """What a training is known by: equal keys, equal bytes. A GPU rounds otherwise than a processor, so it is named.

    Args:
        problem: what is trained for.
        dataset: the images.
        inputs: what `training_inputs` says.
    """
    device = best_device()
    where = {} if device.type == "cpu" else {"device": device_name(device)}
    return value_digest({"problem": problem.name, "data": dataset.digest, **inputs, **where})


def search_inputs(problem: Problem, settings: ProblemSettings) -> dict[str, Any]:
    """What decides a search beside that: every network it tries. Workers decide only how long it takes.

    Raises:
        AssayError: when there is no network of such a name.
    """
    networks = settings.search.space.get("network", settings.train.network)
    tried = networks if isinstance(networks, tuple) else (networks,)
    modules = [
        module
        for name in tried
        for module in _modules(problem, replace(settings, train=replace(settings.train, network=str(name))))
    ]
    code = code_of(
        f"{__package__}.searches.study", *dict.fromkeys(modules), unused=problem.sources(settings.simulate).unused
    )
    values = {name: value for name, value in settings_values(settings.search).items() if name != "workers"}
    return {**code.as_inputs(), "settings": values}


def _modules(problem: Problem, settings: ProblemSettings) -> tuple[str, ...]:
    try:
        return answering_modules(problem.estimator_config(settings))
    except ValueError as error:
        raise AssayError(str(error), "see train.network and search.space.network in params.yaml") from error
