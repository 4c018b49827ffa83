"""A folder of small pictures, masks and labels, as a user might have one, made from nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from components.simulators.folders.settings import FolderSettings

SIZE = 24
LABELS = ("disc", "ring")
Array = np.ndarray[Any, Any]


def draw_picture(number: int) -> tuple[Array, Array, str]:
    """A disc or a ring among stars: levels of 8 bits, its mask, and which it is."""
    chance = np.random.default_rng(number)
    down, right = np.mgrid[:SIZE, :SIZE]
    y, x = chance.uniform(8, 16, 2)
    radius = np.hypot(right - x, down - y)
    label = LABELS[number % 2]
    mask = radius < 6 if label == "disc" else (radius > 3) & (radius < 7)
    stars = chance.uniform(size=mask.shape) ** 8
    levels = np.clip(40 + 120 * mask + 90 * stars + chance.normal(0, 8, mask.shape), 0, 255)
    return levels.astype(np.uint8), mask, label


def make_folder(folder: Path, count: int = 60) -> Path:
    """Pictures in `pictures`, their masks in `masks`, and `labels.csv` with what is on each."""
    rows = []
    for place in ("pictures", "masks"):
        (folder / place).mkdir(parents=True)
    for number in range(count):
        levels, mask, label = draw_picture(number)
        name = f"g{number:03d}"
        Image.fromarray(levels).save(folder / "pictures" / f"{name}.png")
        Image.fromarray((mask * 255).astype(np.uint8)).save(folder / "masks" / f"{name}.png")
        rows.append({"picture": f"{name}.png", "label": label, "licence": "CC BY 4.0", "credit": "nobody"})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    return folder


def settings_of(folder: Path, **changed: Any) -> FolderSettings:
    """What params.yaml would say of it."""
    said: dict[str, Any] = {
        "source": "folder", "path": "pictures", "root": str(folder), "masks": "masks", "table": "labels.csv",
        "height": 16, "width": 16, "seed": 7, "shard_size": 50, "validation_fraction": 0.1, "test_fraction": 0.2,
        "confirmation_fraction": 0.1,
    }  # fmt: skip
    return FolderSettings(**said | changed)
