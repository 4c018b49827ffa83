"""The kind `sources`: which pixels hold point sources and how bright these are, as maps and as a list.

* `estimator.py`: a network that says of each pixel how likely each level of flux is
* `levels.py`: these levels; `source_list.py`: from maps to a list
"""

from collections.abc import Mapping
from typing import Any

from models.estimators.sources.estimator import SourcesEstimator
from models.estimators.sources.levels import FluxLevels, brightest
from models.estimators.sources.source_list import COLUMNS
from models.map_networks import map_network_module

__label__ = "sources_kind"
__all__ = ["COLUMNS", "FluxLevels", "SourcesEstimator", "brightest", "build", "modules"]


def build(config: Mapping[str, Any]) -> SourcesEstimator:
    """An estimator of point sources."""
    return SourcesEstimator(config)


def modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that its answers start from."""
    return (__name__, map_network_module(config["network"]))
