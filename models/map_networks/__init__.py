"""Networks that answer with maps of the image's size: each is a module of this folder and names its class `NETWORK`.

    network = find_map_network("small_unet")(channels=2, maps=1, width=8)
    maps_bmhw = network(image_bchw)

A condition reaches such a network as a channel of its own, the same value everywhere. A module that is put here is
known; it is imported when it is asked for only, so that a model and its package rest on the code of their own network.
"""

from importlib import import_module
from pkgutil import iter_modules

from torch import nn

__label__ = "map_networks"


def map_network_names() -> tuple[str, ...]:
    """Every network, as params.yaml calls it."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def map_network_module(name: str) -> str:
    """Dotted name of the module in which a network is.

    Raises:
        ValueError: when there is none of that name; the known ones are listed.
    """
    if name not in map_network_names():
        raise ValueError(f"network = {name!r}: must be one of {', '.join(map_network_names())}")
    return f"{__name__}.{name}"


def find_map_network(name: str) -> type[nn.Module]:
    """The class of a network, built with (channels, maps, width).

    Raises:
        ValueError: as `map_network_module`.
    """
    network: type[nn.Module] = import_module(map_network_module(name)).NETWORK
    return network
