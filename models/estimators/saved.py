"""A trained network in a folder: safetensors weights and a JSON description, digest-checked at every load.

    save_model(folder, estimator, description)
    estimator, description = load_model(folder)

Nothing is unpickled. `description["estimator"]` is what the estimator is built from; the rest is lineage.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from models.descriptions import DESCRIPTION, WEIGHTS, DamagedModelError, read_description
from models.estimators.estimator import Estimator, build, find_kind

__label__ = "saved"


def save_model(folder: Path, trained: Estimator, description: Mapping[str, Any]) -> str:
    """Write a model; the description goes last and in one step, so that a folder with one is complete.

    Args:
        folder: where to; made when it is not there.
        trained: the trained network.
        description: JSON-able lineage; `estimator` and `weights_sha256` are added.

    Returns:
        SHA-256 of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in trained.state_dict().items()}, folder / WEIGHTS)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    document = {**description, "estimator": trained.config, "weights_sha256": digest}
    partial = folder / f".{DESCRIPTION}"
    partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / DESCRIPTION)
    return digest


def answering_modules(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that a saved model's answers start from: what they import decides the rest.

    Args:
        config: `description["estimator"]`.

    Raises:
        ValueError: when its kind or its network is unknown.
    """
    return (__name__, *find_kind(config).modules(config))


def load_model(folder: Path) -> tuple[Estimator, dict[str, Any]]:
    """The network, in evaluation mode, and its description.

    Raises:
        DamagedModelError: when a file is missing or the weights are not those described.
    """
    description = read_description(folder)
    config = description["estimator"]
    if "kind" not in config:
        raise DamagedModelError(f"{folder / DESCRIPTION} is from before estimators had kinds")
    built = build(config)
    built.load_state_dict(load_file(folder / WEIGHTS))
    return built.eval(), description
