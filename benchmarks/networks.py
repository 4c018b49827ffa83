"""The networks side by side: each trained on the same images for the same number of epochs.

python -m benchmarks networks
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from components.core import Workspace, load_settings
from components.data import simulate
from components.problems import find_problem
from components.training import Trainer
from models.networks import network_names

HOUSE = Path(__file__).parents[1]
_EPOCHS = 8


def main() -> None:
    """Print parameters, speed and validation loss (negative log-likelihood; lower is better) of each."""
    problem = find_problem("galaxy-shape")
    settings = load_settings(
        HOUSE / "params.yaml", problem.name, problem.settings, overrides={"train": {"epochs": _EPOCHS}}
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder), home=Path(folder))
        dataset = simulate(workspace, problem, settings.simulate)
        for network in network_names():
            for width in (8, 16):
                train = replace(settings.train, network=network, width=width)
                trainer = Trainer(problem, dataset, replace(settings, train=train))
                epochs = list(trainer)
                parameters = sum(weight.numel() for weight in trainer.estimator.network.parameters())
                speed = max(epoch.images_per_second for epoch in epochs)
                print(
                    f"{network:<12} width {width:>2}: {parameters / 1e6:.2f} M parameters, {speed:.0f} images/s, "
                    f"validation loss {epochs[-1].validation_loss:.3f} after {_EPOCHS} epochs "
                    f"({torch.get_num_threads()} threads)",
                    flush=True,
                )


if __name__ == "__main__":
    main()
