"""The summer school's figures for numbers of a sky, and this project's network beside them.

python -m benchmarks.galactic_centre numbers

Trained on the published number of skies with the published kernel, for the published sets of outputs and for all six;
the noise, and amplitudes and mirror images of each sky, are drawn anew at each presentation. `limit` is that of the
exact posterior (`python -m benchmarks sky_limits`). Errors are mean absolute errors over the range of the prior, with
their 95 % intervals over the test skies.
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
from components.fields import Dataset, presented
from components.problems import find_problem
from components.problems.galactic_centre import MEASURED, TOTAL, GalacticCentre, ranges, with_total
from components.simulators.galactic_centre import PARAMETERS
from models.estimators.numbers import LEVELS, NumbersEstimator
from models.fields import Field

HOUSE = Path(__file__).parents[1]
_PUBLISHED: dict[tuple[str, ...], dict[str, float]] = {
    ("A_dm",): {"A_dm": 0.0807},
    ("A_dm", TOTAL): {"A_dm": 0.1093, TOTAL: 0.0354},
    ("A_dm", "N_disk", "N_gc"): {"A_dm": 0.1175, "N_disk": 0.0453, "N_gc": 0.1364},
    PARAMETERS: {},
}
"""Outputs of each network, and its errors."""
_LIMIT = {"A_dm": 0.064, "N_gc": 0.135, "N_disk": 0.038, TOTAL: 0.029}
"""Mean absolute errors of the exact posterior over the range."""


class SomeNumbers(GalacticCentre):
    """The same problem with other outputs.

    Args:
        outputs: of `MEASURED`.
    """

    def __init__(self, outputs: tuple[str, ...]) -> None:
        self.outputs = outputs

    def targets(self, settings: Any) -> tuple[Field, ...]:  # noqa: ARG002
        """Those alone."""
        return tuple(Field(name=name) for name in self.outputs)

    def present(self, stored: Any, seed_b: Any, settings: Any, *, training: bool) -> Any:
        """The same, with the number of all sources."""
        inputs, targets = super().present(stored, seed_b, settings, training=training)
        whole = {**targets, TOTAL: targets["N_gc"] + targets["N_disk"]}
        return inputs, {name: whole[name] for name in self.outputs}

    def estimator_config(self, settings: Any) -> dict[str, Any]:
        """The same with fewer outputs; a sum of two numbers is no uniform one, so that its scale is linear."""
        config = super().estimator_config(settings)
        known = {output["name"]: output for output in config["outputs"]}
        low, high = (sum(known[name][end] for name in ("N_gc", "N_disk")) for end in ("low", "high"))
        known[TOTAL] = {"name": TOTAL, "unit": "", "scale": "linear", "mean": (low + high) / 2, "sd": (high - low) / 4}
        return {**config, "outputs": [known[name] for name in self.outputs]}


def numbers_table() -> None:
    """Print one row a network and figure."""
    problem = find_problem("galactic-centre")
    settings: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings, size="published")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder), home=Path(folder))
        dataset = simulate(workspace, problem, settings.simulate)
        for outputs, published in _PUBLISHED.items():
            miss_bm, minutes = _errors(SomeNumbers(outputs), dataset, settings)
            for name in published or (*_LIMIT, *PARAMETERS[1:4]):
                found = interval(miss_bm[:, MEASURED.index(name)], np.mean, 1000, 0)
                rows.append((len(outputs), name, published.get(name), found.value, found.low, found.high,
                             _LIMIT.get(name), minutes))  # fmt: skip
            columns = ("outputs", "figure", "published", "ours", "low", "high", "limit", "minutes")
            print(pd.DataFrame(rows, columns=columns).round(4).to_string(index=False), flush=True)


def _errors(problem: SomeNumbers, dataset: Dataset, settings: Any) -> tuple[np.ndarray[Any, Any], float]:
    """Absolute errors of the posterior's median over the range, one column for each of `MEASURED`, NaN for others.

    And the minutes of its training.
    """
    seeded = replace(settings, train=replace(settings.train, seed=len(problem.outputs)))
    estimator, minutes = trained(problem, dataset, seeded, alike=find_problem("galactic-centre"))
    assert isinstance(estimator, NumbersEstimator)
    parts: list[tuple[Tensor, Tensor]] = []
    test = presented(
        find_problem("galactic-centre"), dataset, settings, dataset.rows("test"), seed=[1], device=torch.device("cpu")
    )
    with torch.inference_mode():
        for batch in test:
            known = estimator.known(batch.inputs["image"], estimator.conditions(batch.inputs))
            median_bp = estimator.answer(known).quantile_bpq[:, :, LEVELS.index(0.5)]  # type: ignore[arg-type]
            parts.append((median_bp, torch.stack([batch.targets[name] for name in PARAMETERS], dim=1)))
    found_bp, truth_bp = (torch.cat(part).double().numpy() for part in zip(*parts, strict=True))
    truth_bm = with_total(truth_bp)
    found_bm = np.full_like(truth_bm, np.nan)
    for number, name in enumerate(problem.outputs):
        found_bm[:, MEASURED.index(name)] = found_bp[:, number]
    if TOTAL not in problem.outputs and {"N_gc", "N_disk"} <= {*problem.outputs}:
        found_bm = with_total(found_bm[:, :-1])
    miss_bm: np.ndarray[Any, Any] = np.abs(found_bm - truth_bm) / ranges(settings.simulate)
    return miss_bm, minutes
