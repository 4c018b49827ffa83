"""The networks: each is a module of this folder, goes by its name, and names its class `NETWORK`.

    network = find_network("cnn")(channels=2, size=64, conditions=2, outputs=20, width=8)

Every one takes image channels and conditions, and returns a `NetworkOutput`. A module that is put here is known; it is
imported when it is asked for only, so that a model and its package rest on the code of their own network.
"""

from importlib import import_module
from pkgutil import iter_modules

from torch import nn

__label__ = "networks"


def network_names() -> tuple[str, ...]:
    """Every network, as params.yaml calls it."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def network_module(name: str) -> str:
    """Dotted name of the module in which a network is.

    Raises:
        ValueError: when there is none of that name; the known ones are listed.
    """
    if name not in network_names():
        raise ValueError(f"network = {name!r}: must be one of {', '.join(network_names())}")
    return f"{__name__}.{name}"


def find_network(name: str) -> type[nn.Module]:
    """The class of a network, built with (channels, size, conditions, outputs, width).

    Raises:
        ValueError: as `network_module`.
    """
    network: type[nn.Module] = import_module(network_module(name)).NETWORK
    return network
