"""What decides a training and a search, beside the data: code, settings and libraries, as plain values for keys."""

from typing import Any

from components.core import AssayError, EntryPoint, ProblemSettings, TrainSettings, code_of, settings_values
from components.fields import Problem
from models.networks import network_module

__label__ = None


def training_inputs(problem: Problem, settings: ProblemSettings, train: TrainSettings) -> dict[str, Any]:
    """What decides a training: the loop, the problem's part in it, and the one network.

    Raises:
        AssayError: when there is no network of that name.
    """
    sources = problem.sources(settings.simulate)
    entries: tuple[EntryPoint, ...] = (f"{__package__}.run", _module(train.network), *sources.training)
    unused = sources.unused + (("distributed",) if train.processes == 1 else ())
    return {**code_of(*entries, unused=unused).as_inputs(), "settings": settings_values(train)}


def search_inputs(settings: ProblemSettings) -> dict[str, Any]:
    """What decides a search beside that: every network it tries. Workers decide only how long it takes.

    Raises:
        AssayError: when there is no network of such a name.
    """
    networks = settings.search.space.get("network", settings.train.network)
    tried = networks if isinstance(networks, tuple) else (networks,)
    code = code_of(f"{__package__}.study", *(_module(str(name)) for name in tried))
    values = {name: value for name, value in settings_values(settings.search).items() if name != "workers"}
    return {**code.as_inputs(), "settings": values}


def _module(network: str) -> str:
    try:
        return network_module(network)
    except ValueError as error:
        raise AssayError(str(error), "see train.network and search.space.network in params.yaml") from error
