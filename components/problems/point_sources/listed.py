"""How good a list of sources is: what it finds of those that there are, what of it is there, and its fluxes.

    found = list_scores(outputs, flux_bhw, settings)      # sums over each image, shape (b, …)
    metrics = list_metrics(about, found)                  # completeness and purity by flux
    table = flux_table(metrics)

A pixel is found where its probability of being bright is a half or more, whatever the image. Shape suffixes: b batch,
h height, w width, f runs of flux, k entries of the list.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence import Array, Measuring
from components.evidence.masks import INSIDE
from components.fields import Metric, no_metric
from models.estimators.sources import COLUMNS

if TYPE_CHECKING:
    from torch import Tensor

    from components.problems.point_sources.settings import PointSourcesSettings

__label__ = "point_sources_listed"

_EDGES = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, float("inf"))
"""Counts: of the runs of flux, true for completeness, stated for purity."""
NAMES = tuple(f"flux{low:g}_{high:g}" for low, high in pairwise(_EDGES))


def list_scores(
    outputs: "Mapping[str, Tensor]", flux_bhw: "Tensor", settings: "PointSourcesSettings"
) -> "dict[str, Tensor]":
    """Counts of each image.

    Args:
        outputs: the model's answer.
        flux_bhw: the truth.
        settings: all of the problem's.

    Returns:
        `there` and `found`, pixels of each run of true flux, all and those found, (b, f); `said` and `right`, entries
        of each run of stated flux, all and those whose pixel is bright, (b, f); `bright`, the number of bright pixels
        that a model expects, that there is, and of these that are found, (b, 3); `fluxes` (b, 3): of entries that are
        right how many, of how many the truth lies within the stated error, and of how many above the stated flux.
    """
    import torch

    edge_e = torch.tensor(_EDGES[1:-1], device=flux_bhw.device, dtype=flux_bhw.dtype)
    true_bn, found_bn = flux_bhw.flatten(1), outputs["bright"].flatten(1) >= INSIDE
    there_bf = _sums(true_bn, true_bn > 0, edge_e)
    column = {name: outputs["sources"][:, number] for number, name in enumerate(COLUMNS)}
    count, listed = outputs["source_count"], column["x"].shape[1]
    size = flux_bhw.shape[1]
    entry_bk = torch.arange(listed, device=flux_bhw.device) < count[:, None]
    chance_bk = column["probability"]
    said_bk = entry_bk & (chance_bk >= INSIDE)
    across_bk, down_bk = (
        (column[name] / settings.simulate.pixel_scale + (size - 1) / 2).round().long() for name in ("x", "y")
    )
    at_bk = torch.where(entry_bk, down_bk * size + across_bk, 0)
    truth_bk = true_bn.gather(1, at_bk)
    right_bk = said_bk & (truth_bk > settings.train.bright_flux)
    within_bk = (column["flux"] - truth_bk).abs() <= column["flux_error"]
    of_right = [right_bk, right_bk & within_bk, right_bk & (truth_bk > column["flux"])]
    bright_bn = true_bn > settings.train.bright_flux
    of_bright = [outputs["bright"].flatten(1).double(), bright_bn, bright_bn & found_bn]
    return {
        "there": there_bf,
        "found": _sums(true_bn, (true_bn > 0) & found_bn, edge_e),
        "said": _sums(column["flux"], said_bk, edge_e),
        "right": _sums(column["flux"], right_bk, edge_e),
        "bright": torch.stack([of.sum(dim=1).double() for of in of_bright], dim=1),
        "fluxes": torch.stack([of.sum(dim=1).double() for of in of_right], dim=1),
    }


def list_metrics(about: Measuring, found: Mapping[str, Array]) -> dict[str, Metric]:
    """Completeness and purity of bright pixels, by flux and in all, and whether fluxes and numbers are right.

    They are `completeness.<run>`, `purity.<run>`, `flux.coverage68`, `flux.above` (the share of truths above the stated
    flux, a median) and `number.bright`, how many bright pixels a model expects over how many there are.
    """
    metrics: dict[str, Metric] = {}
    for score, above, below in (("completeness", "found", "there"), ("purity", "right", "said")):
        for run, name in enumerate(NAMES):
            metrics[f"{score}.{name}"] = _share(about, found[above][:, run], found[below][:, run])
    count, within, above = found["fluxes"].T
    expected, there, caught = found["bright"].T
    return metrics | {
        "completeness.bright": _share(about, caught, there),
        "purity.bright": _share(about, found["right"].sum(axis=1), found["said"].sum(axis=1)),
        "flux.coverage68": _share(about, within, count),
        "flux.above": _share(about, above, count),
        "number.bright": _share(about, expected, there),
    }


def flux_table(metrics: Mapping[str, Metric]) -> pd.DataFrame:
    """Completeness and purity, a row a run of flux."""
    rows = []
    for (low, high), name in zip(pairwise(_EDGES), NAMES, strict=True):
        of = {score: metrics[f"{score}.{name}"] for score in ("completeness", "purity")}
        ends = {f"{score}_{end}": getattr(metric, end) for score, metric in of.items() for end in ("low", "high")}
        rows.append({"flux_from": low, "flux_to": high, **{score: m.value for score, m in of.items()}, **ends})
    return pd.DataFrame(rows)


def _share(about: Measuring, above: Array, below: Array) -> Metric:
    if below.sum() == 0:
        return no_metric("there is none in all the images")
    return about.metric_of_means(np.stack([above, below], axis=1), lambda mean: float(mean[0] / max(mean[1], 1e-12)))


def _sums(flux_bn: "Tensor", which_bn: "Tensor", edge_e: "Tensor") -> "Tensor":
    import torch

    run_bn = torch.bucketize(flux_bn.contiguous(), edge_e)
    return torch.stack([(which_bn & (run_bn == run)).sum(dim=1) for run in range(len(NAMES))], dim=1).double()
