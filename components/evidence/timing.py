"""How long an answer takes, by itself and in a batch: measured beside the evidence, since no two times are equal."""

import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from components.evidence.intervals import median
from components.fields import Metric
from models.devices import device_name

if TYPE_CHECKING:
    from components.fields import Answer
    from models.fields import Arrays

__label__ = "timing"

_REPEATS = {1: 30, 64: 12}
"""How often each size of batch is timed."""
_SECONDS = 10.0
"""After which one is timed no more often than its median takes."""
_LEAST = 6


def hardware(device: torch.device) -> str:
    """What answers were timed on: the processor or the GPU, and how many threads PyTorch takes."""
    if device.type != "cpu":
        return device_name(device)
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(named, platform.processor() or platform.machine())
    return f"{processor}, {torch.get_num_threads()} threads, {platform.system()}"


def time_per_image(answer: "Answer", inputs: "Arrays") -> dict[str, Metric]:
    """`milliseconds.batch1` and `milliseconds.batch64`: median time of an image.

    Args:
        answer: the model.
        inputs: of some images, on the model's device.
    """
    metrics = {}
    count = len(next(iter(inputs.values())))
    for size, repeats in _REPEATS.items():
        rows = torch.arange(size) % count
        batch = {name: array[rows.to(array.device)] for name, array in inputs.items()}
        answer(batch)  # the first one loads tables
        seconds: list[float] = []
        while len(seconds) < (repeats if sum(seconds) < _SECONDS else _LEAST):
            start = time.perf_counter()
            for array in answer(batch).values():
                array.cpu()  # a GPU answers before it has worked
            seconds.append(time.perf_counter() - start)
        metrics[f"milliseconds.batch{size}"] = median(1e3 * np.array(seconds) / size)
    return metrics
