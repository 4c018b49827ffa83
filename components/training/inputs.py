"""What decides a training and a search, beside the data: code, settings and libraries, as plain values for keys."""

from typing import Any

from components.core import EntryPoint, ProblemSettings, TrainSettings, code_of, settings_values
from components.fields import Problem
from models.networks import network_module

__label__ = None


def training_inputs(problem: Problem, settings: ProblemSettings, train: TrainSettings) -> dict[str, Any]:
    """What decides a training: the loop, the problem's part in it, and the one network."""
    sources = problem.sources(settings.simulate)
    entries: tuple[EntryPoint, ...] = (f"{__package__}.run", network_module(train.network), *sources.training)
    unused = sources.unused + (("distributed",) if train.processes == 1 else ())
    return {**code_of(*entries, unused=unused).as_inputs(), "settings": settings_values(train)}


def search_inputs(settings: ProblemSettings) -> dict[str, Any]:
    """What decides a search beside that: every network it tries. Workers decide only how long it takes."""
    networks = settings.search.space.get("network", settings.train.network)
    tried = networks if isinstance(networks, tuple) else (networks,)
    code = code_of(f"{__package__}.study", *(network_module(str(name)) for name in tried))
    values = {name: value for name, value in settings_values(settings.search).items() if name != "workers"}
    return {**code.as_inputs(), "settings": values}
