"""Small problems of each other kind, a module each: what shows that the steps know no kind of task.

A module is all that a problem is: `register` puts it into a clone's `components/problems`, with its line in the list
and its section of params.yaml, which is `section`.
"""

import shutil
from pathlib import Path
from typing import Any

import yaml

TOYS = {"blob-mask": "BlobMask", "blob-image": "BlobImage", "blob-class": "BlobClass", "own-pictures": "OwnPictures"}
"""Name to class."""


LENIENT = {"margin": 1, "slice_margin": 1, "nats_margin": 1, "nats_slice_margin": 1}
"""Margins that nearly any model keeps."""


def section(network: str, gate: dict[str, Any]) -> dict[str, Any]:
    """A section of params.yaml: 16 × 16 pixels, as few images as there may be."""
    return {
        "simulate": {
            "count": 210, "seed": 3, "shard_size": 50, "size": 16,
            "test_fraction": 0.2, "validation_fraction": 0.2, "confirmation_fraction": 0.2,
        },
        "search": {
            "seed": 1, "trials": 2, "workers": 1, "epochs": 1, "images_per_epoch": 64,
            "space": {"width": {"low": 4, "high": 8, "step": 4}, "learning_rate": [0.01]},
        },
        "train": {
            "network": network, "width": 8, "learning_rate": 0.01, "weight_decay": 1e-4, "batch_size": 16,
            "epochs": 8, "processes": 1, "seed": 0,
        },
        "evaluate": {"bootstrap": 100, "seed": 7},
        "gates": {
            "staging": [gate], "production": [], "fresh_images": 64, "over_production": LENIENT, "over_best": LENIENT,
        },
        "package": {"golden_inputs": 3},
        "notify": {"command": None},
        "schedule": {"cron": "0 3 * * *"},
    }  # fmt: skip


SECTIONS = {
    "blob-mask": section("small_unet", {"metric": "dice.test", "min": 0.2}),
    "blob-image": section("small_unet", {"metric": "rmse_over_noise.test", "max": 1.0}),
    "blob-class": section("cnn", {"metric": "accuracy.test", "min": 0.5}),
    # Whose folder `tests/pictures.py` makes.
    "own-pictures": section("cnn", {"metric": "accuracy.test", "min": 0.3}) | {
        "simulate": {
            "source": "folder", "path": "mine/pictures", "table": "mine/labels.csv", "height": 16, "width": 16,
            "seed": 3, "shard_size": 50,
            "test_fraction": 0.2, "validation_fraction": 0.1, "confirmation_fraction": 0.1,
        },
    },
}  # fmt: skip


def register(root: Path, name: str) -> None:
    """Put a toy into a clone, as CONTRIBUTING says: its module, one line, its section."""
    module = name.replace("-", "_")
    problems = root / "components" / "problems"
    shutil.copy(Path(__file__).parent / f"{module}.py", problems / f"{module}.py")
    listed = (problems / "__init__.py").read_text(encoding="utf-8")
    line = f'_CLASSES = {{"{name}": "{module}:{TOYS[name]}", '
    (problems / "__init__.py").write_text(listed.replace("_CLASSES = {", line, 1), encoding="utf-8")
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    params["problems"][name] = SECTIONS[name]
    (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
