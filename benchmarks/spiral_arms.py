"""How many images arms are learned from: 10, 100, 1,599, and as many as the full recipe has.

    python -m benchmarks.spiral_arms                             # all four: 75 min on two cores
    python -m benchmarks.spiral_arms 10,100 FOLDER               # two of them, and real pictures with masks

Each is shown as many pictures in all as the full recipe shows, so that few are shown often; all are judged on the same
test split and in the reference regime.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._trained import trained
from components.core import Workspace, load_settings
from components.data import publish, simulate
from components.fields import Dataset
from components.problems import find_problem

HOUSE = Path(__file__).parents[1]
_COUNTS = ("10", "100", "1599", "all")
_SHOWN = ("dice.test", "iou.test", "precision.test", "recall.test", "dice_over_best", "real.")


def main(counts: str = ",".join(_COUNTS), folder: str | None = None) -> None:
    """Print the scores of each."""
    problem = find_problem("spiral-arms")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="full")
    settings = replace(settings, evaluate=replace(settings.evaluate, real_pictures=folder))
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(root=Path(place), home=Path(place) / ".assay")
        whole = publish(workspace, simulate(workspace, problem, settings.simulate))
        everything = len(whole.rows("train"))
        for count in counts.split(","):
            few = everything if count == "all" else int(count)
            batch = min(settings.train.batch_size, few)
            epochs = max(1, round(settings.train.epochs * everything / few))
            here = replace(settings, train=replace(settings.train, batch_size=batch, epochs=epochs))
            dataset = _first(whole, few)
            estimator, _ = problem.finish(trained(problem, dataset, here, alike=problem)[0], dataset, here)
            with torch.inference_mode():
                found = problem.evaluate(
                    estimator, dataset, here, device=torch.device("cpu"), cache=Path(place), progress=lambda _: None
                )
            for metric, of in found.metrics.items():
                if metric.startswith(_SHOWN):
                    print(f"{count:8}{metric:32}{of.said('.3f')}", flush=True)


def _first(dataset: Dataset, count: int) -> Dataset:
    """The same dataset with the first pictures of the training split alone to learn from."""
    split = dataset.catalogue["split"].to_numpy().copy()
    split[dataset.rows("train")[count:]] = "unused"
    few = replace(dataset)
    vars(few)["catalogue"] = dataset.catalogue.assign(split=np.asarray(split))  # in place of the one on disk
    return few


if __name__ == "__main__":
    main(*sys.argv[1:])
