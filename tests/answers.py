"""What an estimator of numbers would measure that states independent Gaussians: for tests of what is made of it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.estimators.numbers import LEVELS
from models.fields import Arrays


def stated(value_bp: Tensor, error_bp: Tensor, names: Sequence[str], targets: Arrays | None) -> dict[str, Tensor]:
    """A posterior of these means and sds, as `NumbersEstimator.measured` gives it; its network says the same."""
    gaussian = torch.distributions.Normal(value_bp, error_bp)
    drawn = torch.randn(32, value_bp.shape[1], generator=torch.Generator().manual_seed(0))
    draws = torch.cat([drawn, -drawn])
    outputs = {
        "network": value_bp,
        "quantiles": value_bp[:, :, None] + error_bp[:, :, None] * torch.special.ndtri(torch.tensor(LEVELS)),
        "samples": value_bp[:, None] + error_bp[:, None] * draws,
    }
    if targets is not None:
        truth_bp = torch.stack([targets[name] for name in names], dim=1)
        outputs["log_density"] = gaussian.log_prob(truth_bp).sum(dim=1)  # type: ignore[no-untyped-call]
        outputs["network_log_density"] = outputs["log_density"]
    for i, name in enumerate(names):
        outputs |= {f"posterior_{name}": value_bp[:, i], f"posterior_{name}_error": error_bp[:, i]}
        for percent, end in ((68, 0.9944579), (95, 1.959964)):
            apart = error_bp[:, i, None] * torch.tensor([-end, end])
            outputs[f"posterior_{name}_interval{percent}"] = value_bp[:, i, None] + apart
    return outputs
