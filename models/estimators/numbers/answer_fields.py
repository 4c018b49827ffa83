"""The fields of an answer in numbers: each answer by its name, `posterior` or `likelihood`, and how they are filled.

    fields = posterior_fields(outputs, scales)                 # posterior_flux, posterior_flux_error, …
    arrays = posterior_arrays(answer, names)

Shape suffixes: b batch, p parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from models.estimators.numbers.answer import Answer, Likelihood
from models.estimators.numbers.scales import Scales
from models.fields import Field

__label__ = "number_fields"

TOLERANCE = 1e-3
"""Of the stated error: how far the same model may answer otherwise on another processor."""
_DRAWN = 50
"""Times that for what rests on draws, one of which may be another one there."""
_NO_YES = ("no", "yes")
_ANSWERS = ("posterior", "likelihood")


def posterior_fields(outputs: Sequence[Mapping[str, Any]], scales: Scales, *, drawn: bool) -> tuple[Field, ...]:
    """For each parameter mean, error and intervals, and the correlation of the errors.

    Args:
        outputs: the parameters.
        scales: of them.
        drawn: whether the posterior rests on draws, of which it says how many count.
    """
    fields: list[Field] = []
    times = _DRAWN if drawn else 1
    for index, output in enumerate(outputs):
        value, unit = f"posterior_{output['name']}", output.get("unit", "")
        proof = {**_proof("posterior", outputs, index, times), "absolute": scales.resolution(index)}
        intervals = (f"{value}_interval{percent}" for percent in (68, 95))
        fields += [
            Field(name=value, unit=unit, **proof),
            Field(name=f"{value}_error", unit=unit, limits=(0, None), **proof),
            *(Field(name=name, shape=(2,), unit=unit, labels=("low", "high"), **proof) for name in intervals),
        ]
    fields.append(_correlation("posterior", outputs, times))
    if drawn:
        fields.append(Field(name="posterior_effective", limits=(0, None), absolute=2.0, relative=times * TOLERANCE))
    return tuple(fields)


def likelihood_fields(outputs: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    """For each parameter value and error, their correlation, what became of the search, and which answer to quote."""
    fields: list[Field] = []
    for index, output in enumerate(outputs):
        value, unit = f"likelihood_{output['name']}", output.get("unit", "")
        proof = _proof("likelihood", outputs, index)
        fields += [
            Field(name=value, unit=unit, **proof),
            Field(name=f"{value}_error", unit=unit, limits=(0, None), **proof),
        ]
    said = {"likelihood_edge": _NO_YES, "likelihood_converged": _NO_YES, "quote": _ANSWERS}
    return (
        *fields,
        _correlation("likelihood", outputs),
        *(Field(name=name, dtype="int64", labels=labels) for name, labels in said.items()),
    )


def posterior_arrays(answer: Answer, names: Sequence[str]) -> dict[str, Tensor]:
    """What `posterior_fields` names."""
    arrays = _values("posterior", names, answer.mean_bp, answer.covariance_bpp)
    if answer.effective_b is not None:
        arrays["posterior_effective"] = answer.effective_b
    for percent in (68, 95):
        ends_bp2 = torch.stack(answer.interval(percent / 100), dim=2)
        arrays |= {f"posterior_{name}_interval{percent}": ends_bp2[:, index] for index, name in enumerate(names)}
    return arrays


def likelihood_arrays(found: Likelihood, answer: Answer, names: Sequence[str]) -> dict[str, Tensor]:
    """What `likelihood_fields` names.

    The likelihood is to be quoted where it was found within what can be drawn, and its image says more than the prior
    of every parameter: where the posterior's variance is at least half of its own.
    """
    image_says_more_b = (2 * _variance(answer.covariance_bpp) >= _variance(found.covariance_bpp)).all(dim=1)
    return {
        **_values("likelihood", names, found.value_bp, found.covariance_bpp),
        "likelihood_edge": found.edge_b.long(),
        "likelihood_converged": found.converged_b.long(),
        "quote": (image_says_more_b & found.converged_b & ~found.edge_b).long(),
    }


def _values(answer: str, names: Sequence[str], value_bp: Tensor, covariance_bpp: Tensor) -> dict[str, Tensor]:
    error_bp = _variance(covariance_bpp).sqrt()
    arrays: dict[str, Tensor] = {}
    for index, name in enumerate(names):
        arrays |= {f"{answer}_{name}": value_bp[:, index], f"{answer}_{name}_error": error_bp[:, index]}
    return {**arrays, f"{answer}_correlation": covariance_bpp / (error_bp[:, :, None] * error_bp[:, None])}


def _variance(covariance_bpp: Tensor) -> Tensor:
    return covariance_bpp.diagonal(dim1=1, dim2=2)


def _proof(answer: str, outputs: Sequence[Mapping[str, Any]], index: int, times: int = 1) -> dict[str, Any]:
    return {"relative": times * TOLERANCE, "of": f"{answer}_{outputs[index]['name']}_error"}


def _correlation(answer: str, outputs: Sequence[Mapping[str, Any]], times: int = 1) -> Field:
    names = tuple(output["name"] for output in outputs)
    return Field(name=f"{answer}_correlation", shape=(len(names),) * 2, labels=names, absolute=times * TOLERANCE)
