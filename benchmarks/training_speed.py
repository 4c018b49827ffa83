"""How much of the training loop is the network: the real loop against the same steps on one batch in memory.

python -m benchmarks training_speed
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from components.params import load_settings
from components.problems import find_problem
from components.simulation import simulate
from components.training import Trainer
from components.workspace import Workspace

HOUSE = Path(__file__).parents[1]


def main() -> None:
    """Print images a second of both loops, their ratio, and the share of each network."""
    problem = find_problem("galaxy-shape")
    small = {"simulate": {"count": 2048, "shard_size": 512}, "train": {"epochs": 3}}
    settings = load_settings(HOUSE / "params.yaml", problem.name, problem.simulation_settings, overrides=small)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder), home=Path(folder))
        dataset = simulate(workspace, problem, settings.simulate)
        for network in settings.search.networks:
            trainer = Trainer(problem, dataset, settings, replace(settings.train, network=network))
            trainer._train_epoch()  # the first one compiles kernels
            start = time.perf_counter()
            trainer._train_epoch()
            real = time.perf_counter() - start
            batch = trainer._batch(dataset.rows("train")[: settings.train.batch_size])
            start = time.perf_counter()
            for _ in range(trainer.steps_per_epoch):
                _step(trainer, *batch)
            network_alone = time.perf_counter() - start
            images = trainer.steps_per_epoch * settings.train.batch_size
            print(
                f"{network}: {images / real:.0f} images/s, on one batch {images / network_alone:.0f} images/s, "
                f"ratio {network_alone / real:.2f} ({torch.get_num_threads()} threads)"
            )


def _step(trainer: Trainer, image: torch.Tensor, conditions: torch.Tensor, truth: torch.Tensor) -> None:
    loss = trainer.problem.loss(trainer.estimator, image, conditions, truth).mean()
    trainer.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    trainer.optimizer.step()


if __name__ == "__main__":
    main()
