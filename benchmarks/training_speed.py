"""How much of the training loop is the network: the real loop against the same steps on one batch in memory.

python -m benchmarks training_speed
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from components.core import Workspace, load_settings
from components.data import simulate
from components.fields import Dataset, Problem, present, read_stored, row_seeds
from components.problems import find_problem
from components.training import Trainer
from models.networks import network_names

HOUSE = Path(__file__).parents[1]
_ROUNDS = 3


def main() -> None:
    """Print for each network images a second of the real loop, of one repeated batch, and their ratio.

    The real loop reads stamps from disk and draws symmetry and noise, as both do; drawing every image again under a
    fresh PSF is the last column.
    """
    problem = find_problem("galaxy-shape")
    small = {"simulate": {"count": 8192, "shard_size": 1024}, "train": {"epochs": 99, "fresh_conditions": False}}
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, overrides=small)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder), home=Path(folder))
        dataset = simulate(workspace, problem, settings.simulate)
        for network in network_names():
            stored, fresh = (
                Trainer(problem, dataset, chosen, images_per_epoch=4096)
                for chosen in (
                    replace(settings, train=replace(settings.train, network=network, fresh_conditions=fresh))
                    for fresh in (False, True)
                )
            )
            seconds: dict[str, list[float]] = {"stored": [], "repeated": [], "fresh": []}
            # Turn by turn, because the machine's speed drifts.
            for _ in range(_ROUNDS + 1):
                seconds["stored"].append(_timed(stored._train_epoch))
                seconds["repeated"].append(_timed(partial(_repeat, problem, dataset, settings, stored)))
                seconds["fresh"].append(_timed(fresh._train_epoch))
            images = stored.batches.steps * stored.batches.batch_size
            speed = {name: images / min(times[1:]) for name, times in seconds.items()}
            print(
                f"{network}: {speed['stored']:.0f} images/s read from disk, {speed['repeated']:.0f} on one batch in "
                f"memory, ratio {speed['stored'] / speed['repeated']:.2f}; {speed['fresh']:.0f} with every image drawn "
                f"again ({torch.get_num_threads()} threads)"
            )


def _repeat(problem: Problem, dataset: Dataset, settings: Any, trainer: Trainer) -> None:
    """The loop without any reading: one stored batch, its symmetry and noise drawn anew, and the step."""
    trainer.estimator.train()
    batches = trainer.batches
    rows = dataset.rows("train")[: batches.batch_size]
    stored = read_stored(problem, dataset, settings, rows)
    for step in range(batches.steps):
        seeds = row_seeds([0, step], rows)
        batch = present(problem, stored, seeds, settings, training=True, device=trainer.device)
        trainer.step(batch, rate=trainer.learning_rate(step))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
