"""Resizing by four on a folder of pictures, five folds: this project's network, the published ones, and none.

    python -m benchmarks.upsampling FOLDER                           # all networks in all folds: 15 h on two cores
    python -m benchmarks.upsampling FOLDER ours,sgd 2                # two networks in the first two folds

Each picture is whole in one fold, near-duplicates together. Gains are over the picture as it is seen, means over the
test pictures with 95 % intervals; milliseconds are those of a picture answered by itself.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks._trained import trained
from components.core import Workspace, load_settings
from components.data import simulate
from components.evidence import interval
from components.fields import Answer, Dataset, presented
from components.problems import find_problem
from components.problems.restoration.upsampling.baselines import learned_baselines
from components.problems.restoration.upsampling.degrading import degraded
from components.problems.restoration.upsampling.scores import picture_scores
from components.simulators.folders import FolderSettings
from models.estimators.upsampled import TESTS
from models.fields import Arrays
from models.map_networks import find_map_network

HOUSE = Path(__file__).parents[1]
CPU = torch.device("cpu")
FOLDS = 5
_NETWORKS: dict[str, dict[str, Any]] = {
    "ours": {},
    "residual": {"network": "deep_unet", "width": 16, "epochs": 60, "mirrored": False},
}
"""What of `train` is another one than the recipe's."""
_PUBLISHED: dict[str, tuple[type[torch.optim.Optimizer], float]] = {
    "published": (torch.optim.Adam, 1e-4), "sgd": (torch.optim.SGD, 0.1),
}  # fmt: skip
"""Optimizer and its constant learning rate: of the Charbonnier loss, and of the mean squared error."""
_ALL = (*_NETWORKS, *_PUBLISHED)
_EPOCHS, _BATCH, _WIDTH = 50, 8, 16
"""Of the published trainings; the width is ours, where the exercise does not tell."""
Numbers = dict[str, "np.ndarray[Any, Any]"]


def main(folder: str | None = None, networks: str = ",".join(_ALL), folds: str = str(FOLDS)) -> None:
    """Print one row a fold and way, and the means over folds."""
    if folder is None:
        print("name a folder of pictures: python -m benchmarks.upsampling FOLDER")
        return
    problem = find_problem("upsampling")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published")
    simulated: FolderSettings = replace(settings.simulate, path=folder, root=str(Path.cwd()))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(root=Path(place), home=Path(place))
        dataset = simulate(workspace, problem, simulated)
        for fold, test in enumerate(list(_folds(dataset))[: int(folds)]):
            held = _held_out(dataset, test)
            for way, found, milliseconds in _ways(held, settings, networks.split(","), fold):
                gains = {name: interval(found[name], np.mean, 1000, 0) for name in ("gain_db", "gain_ssim")}
                rows.append(
                    {"fold": fold, "way": way, "pictures": len(test), "ms": milliseconds}
                    | {
                        f"{name} {end}": getattr(of, end)
                        for name, of in gains.items()
                        for end in ("value", "low", "high")
                    }
                )
            print(pd.DataFrame(rows).round(4).to_string(index=False), flush=True)
    print(pd.DataFrame(rows).groupby("way", sort=False).mean(numeric_only=True).round(4).to_string())


def _folds(dataset: Dataset) -> Iterator["np.ndarray[Any, Any]"]:
    """Row numbers of each fold's test pictures; a group is in one."""
    groups = np.random.default_rng(0).permutation(sorted(dataset.catalogue["group"].unique()))
    for part in np.array_split(groups, FOLDS):
        yield np.flatnonzero(dataset.catalogue["group"].isin(part))


def _held_out(dataset: Dataset, test: "np.ndarray[Any, Any]") -> Dataset:
    """The same dataset with other splits: what is not tested is learned from, two pictures of it looked at."""
    rows = np.arange(len(dataset.catalogue))
    looked_at = np.isin(rows, np.setdiff1d(rows, test)[:2])
    split = np.select([np.isin(rows, test), looked_at], ["test", "validation"], "train")
    held = replace(dataset)
    vars(held)["catalogue"] = dataset.catalogue.assign(split=split)  # in place of the one on disk
    return held


def _ways(dataset: Dataset, settings: Any, networks: list[str], fold: int) -> Iterator[tuple[str, Numbers, float]]:
    """Each way to restore pictures, what it comes to, and how long one takes."""
    from components.evidence import NO_SLICES, Measuring

    problem = find_problem("upsampling")
    about = Measuring(
        problem=problem, answer=lambda inputs: {}, dataset=dataset, settings=settings, device=CPU,  # noqa: ARG005
        progress=lambda count: None, slices=NO_SLICES,  # noqa: ARG005
    )  # fmt: skip
    answers: dict[str, Any] = dict(learned_baselines(about))
    for name in networks:
        if name in _PUBLISHED:
            answers[name] = _published(dataset, name, fold)
            continue
        train = replace(settings.train, **_NETWORKS[name], seed=fold)
        here = replace(settings, train=train)
        answers[name] = problem.finish(trained(problem, dataset, here, alike=problem)[0], dataset, here)[0]
    for name, answer in answers.items():
        parts, seconds = [], 0.0
        for row in dataset.rows("test"):
            (batch,) = presented(problem, dataset, settings, np.array([row]), seed=[0], device=CPU)
            start = time.perf_counter()
            with torch.inference_mode():
                outputs = answer(batch.inputs)
            seconds += time.perf_counter() - start
            parts.append({score: of.numpy() for score, of in picture_scores(batch, outputs).items()})
        found = {score: np.concatenate([part[score] for part in parts]) for score in parts[0]}
        yield name, found, 1e3 * seconds / len(parts)


def _published(dataset: Dataset, name: str, seed: int) -> Answer:
    """The exercise's U-Net, trained as there: whole pictures, a constant rate, nothing averaged or clipped."""
    torch.manual_seed(seed)
    network = find_map_network("published_unet")(channels=3, maps=3, width=_WIDTH)
    kind, rate = _PUBLISHED[name]
    optimizer = kind(network.parameters(), lr=rate)  # type: ignore[call-arg]
    picture_bchw = dataset.read(("picture",), dataset.rows("train"))["picture"]
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(picture_bchw)).split(_BATCH):  # type: ignore[no-untyped-call]
            miss_bchw = network(degraded(picture_bchw[rows])) - picture_bchw[rows]
            loss = miss_bchw.square().mean() if name == "sgd" else (miss_bchw.square() + 1e-6).sqrt().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()

    def answer(inputs: Arrays) -> dict[str, Tensor]:
        restored = network(inputs["image"]).clamp(0, 1)
        departure = torch.zeros(len(restored), len(TESTS))
        return {"restored": restored, "restored_error": torch.zeros_like(restored), "departure": departure}

    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
