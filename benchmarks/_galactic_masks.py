"""The published U-Net with its penalised loss, and this project's, on masks of point sources.

python -m benchmarks.galactic_centre masks

The published one is trained for each target by itself, and its accuracy is given at the published cut of 0.02, too;
ours answers both. Areas under curves are means over skies. 95 % intervals over the test skies.
"""

import tempfile
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
from components.evidence.masks import pixel_scores
from components.fields import Dataset, presented
from components.problems.point_sources import PointSources, true_masks
from models.estimators import Estimator
from models.fields import Field

HOUSE = Path(__file__).parents[1]
_PUBLISHED = {"mask": (0.80, 0.92), "brightest": (0.94, 0.97)}
"""Accuracy and area under the curve, of targets A and B."""
_CUT, _PENALTY, _EPOCHS = 0.02, 1e-7, 12


class OneMask(PointSources):
    """The published network's problem.

    Args:
        mask: of `true_masks`.
    """

    def __init__(self, mask: str) -> None:
        self.mask = mask

    def targets(self, settings: Any) -> tuple[Field, ...]:
        """That mask alone."""
        return (Field(name="mask", shape=(settings.size, settings.size)),)

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """The same skies."""
        inputs, targets = super().present(stored, seed_b, settings, training=training)
        return inputs, {"mask": true_masks(targets["flux"], settings.train)[self.mask]}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """The published network, which is not told where a pixel lies."""
        config = super().estimator_config(settings)
        ours = ("size", "unit", "noise", "conditions")
        return {
            **{name: config[name] for name in ours},
            "kind": "mask", "network": "published_unet", "width": 8, "count_penalty": _PENALTY,
        }  # fmt: skip


def masks_table() -> None:
    """Print one row a network and target."""
    problem = PointSources()
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        dataset = simulate(Workspace(root=Path(folder), home=Path(folder)), problem, settings.simulate)
        for mask in _PUBLISHED:
            train = replace(settings.train, batch_size=128, epochs=_EPOCHS)
            network, minutes = trained(OneMask(mask), dataset, replace(settings, train=train), alike=problem)
            rows += _rows("published U-Net", network, dataset, settings, {mask: "mask"}, minutes)
        network, minutes = trained(problem, dataset, settings, alike=problem)
        rows += _rows(settings.train.network, network, dataset, settings, {mask: mask for mask in _PUBLISHED}, minutes)
    columns = ("network", "target", "score", "published", "ours", "low", "high", "minutes")
    print(pd.DataFrame(rows, columns=columns).round(4).to_string(index=False), flush=True)


def _rows(
    name: str, estimator: Estimator, dataset: Dataset, settings: Any, outputs: dict[str, str], minutes: float
) -> list[tuple[Any, ...]]:
    found: dict[tuple[str, str], list[Tensor]] = {}
    test = presented(PointSources(), dataset, settings, dataset.rows("test"), seed=[1], device=torch.device("cpu"))
    with torch.inference_mode():
        for batch in test:
            answer, truths = estimator(batch.inputs), true_masks(batch.targets["flux"], settings.train)
            for mask, output in outputs.items():
                scores = pixel_scores(answer[output], truths[mask])
                at_cut = (answer[output] > _CUT) == (truths[mask] > 0)
                of = {**scores, "accuracy at the cut": at_cut.double().mean(dim=(1, 2))}
                for score in ("accuracy", "accuracy at the cut", "auc"):
                    found.setdefault((mask, score), []).append(of[score])
    rows = []
    for (mask, score), parts in found.items():
        metric = interval(torch.cat(parts).numpy(), np.mean, 1000, 0)
        published = _PUBLISHED[mask][1 if score == "auc" else 0]
        rows.append((name, mask, score, published, metric.value, metric.low, metric.high, minutes))
    return rows
