"""How honest a model is: its bias over the prior on a grid, and the shear that its shapes give.

    honesty = measure_honesty(problem, answer, settings, device=device, progress=progress)

The first half of the sheared galaxies teaches the response, by which the mean shapes of the second half are divided.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence.numbers import grid_metrics, measure_grid, plot_bias_grid, plot_shear_bias
from components.fields import Answer, Honesty, Metric
from components.problems.galaxy_shape import honesty_card
from components.problems.galaxy_shape.grid import grid_points
from components.problems.galaxy_shape.rings import TURNS, sheared_rings
from components.problems.galaxy_shape.shear import ANSWERS, Sheared, Slice, ask_rings, biases
from components.problems.galaxy_shape.shear_response import FEATURES, Response, learn_response

if TYPE_CHECKING:
    import torch

    from components.evidence.numbers import RegressionProblem
    from components.problems.galaxy_shape.settings import GalaxyShapeSettings

__label__ = "galaxy_honesty"

_BRIGHT = (20.0, np.inf)
SLICES: Mapping[str, Slice] = {
    "all": Slice(ranges={}),
    "snr_above20": Slice(ranges={"snr": _BRIGHT}),
    "snr_below20": Slice(ranges={"snr": (0.0, 20.0)}),
    "snr20_40": Slice(ranges={"snr": (20.0, 40.0)}),
    "snr40_70": Slice(ranges={"snr": (40.0, 70.0)}),
    "snr_above70": Slice(ranges={"snr": (70.0, np.inf)}),
    "fwhm_below0.65": Slice(ranges={"snr": _BRIGHT, "psf_fwhm": (0.0, 0.65)}),
    "fwhm0.65_0.8": Slice(ranges={"snr": _BRIGHT, "psf_fwhm": (0.65, 0.8)}),
    "fwhm_above0.8": Slice(ranges={"snr": _BRIGHT, "psf_fwhm": (0.8, np.inf)}),
    "r_below0.2": Slice(ranges={"snr": _BRIGHT, "half_light_radius": (0.0, 0.2)}),
    "r0.2_0.35": Slice(ranges={"snr": _BRIGHT, "half_light_radius": (0.2, 0.35)}),
    "r_above0.35": Slice(ranges={"snr": _BRIGHT, "half_light_radius": (0.35, np.inf)}),
}
"""By what a model finds; those of PSF and radius at an SNR of at least 20."""


def measure_honesty(
    problem: "RegressionProblem",
    answer: Answer,
    settings: "GalaxyShapeSettings",
    *,
    device: "torch.device",
    progress: Callable[[int], object],
) -> Honesty:
    """Both, as `settings.honesty` says."""
    asked = settings.honesty
    points = grid_points(settings.simulate, count=asked.grid_points, seed=asked.seed)
    grid = measure_grid(
        problem, answer, points, settings, pairs=asked.noise_pairs, seed=asked.seed, device=device, progress=progress
    )
    rings = sheared_rings(settings.simulate, seed=asked.seed, galaxies=asked.shear_galaxies)
    sheared = ask_rings(problem, answer, settings, rings, seed=asked.seed, device=device, progress=progress)
    shear, responses = measure_shear(sheared)
    metrics = {**grid_metrics(grid, resamplings=settings.evaluate.bootstrap, seed=asked.seed), **shear}
    table = _shear_table(shear)
    units = {field.name: field.unit for field in problem.targets(settings.simulate)}
    return Honesty(
        metrics=metrics,
        summary=_summary(metrics),
        report=honesty_card.shear_report(metrics, tuple(SLICES)),
        sections=honesty_card.sections(metrics, asked, problem.truths, tuple(SLICES)),
        tables={"grid": grid, "shear": table, "shear-response": _response_table(responses)},
        plots={
            honesty_card.GRID: plot_bias_grid(grid, problem.truths, units),
            honesty_card.SHEAR_BIAS: plot_shear_bias(table),
        },
    )


def measure_shear(sheared: Sheared) -> tuple[dict[str, Metric], list[Response]]:
    """M and c of every slice and answer.

    Returns:
        `shear.<answer>.m.<slice>`, `….m_after_response.<slice>`, `….c1.<slice>` and `….c2.<slice>`; and the responses.
    """
    middle = sheared.along_n.size // TURNS // 2 * TURNS
    teaching, judged = sheared.part(slice(0, middle)), sheared.part(slice(middle, None))
    metrics: dict[str, Metric] = {}
    responses = []
    for answer in ANSWERS:
        response = learn_response(teaching, answer)
        responses.append(response)
        for name, chosen in SLICES.items():
            found, additive = biases(sheared, answer, chosen)
            metrics[f"shear.{answer}.m.{name}"] = found.metric(1.0)
            metrics |= {f"shear.{answer}.{component}.{name}": metric for component, metric in additive.items()}
            left, learned = (
                biases(of, answer, chosen)[0].over(response.of_slice(of, chosen)) for of in (judged, teaching)
            )
            # The response has its own error, at most what it would be if the slice's own mean had taught it.
            metrics[f"shear.{answer}.m_after_response.{name}"] = left.metric(1.0, error=learned.error)
    return metrics, responses


def _shear_table(metrics: Mapping[str, Metric]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"slice": name, "answer": answer, "of": of, "value": metric.value, "low": metric.low, "high": metric.high}
            for answer in ANSWERS
            for of in ("m", "m_after_response", "c1", "c2")
            for name in SLICES
            for metric in (metrics[f"shear.{answer}.{of}.{name}"],)
        ]
    )


def _response_table(responses: list[Response]) -> pd.DataFrame:
    """For whoever wants to apply it: see `shear_response.py`."""
    return pd.DataFrame(
        [
            {"answer": response.answer, "of": name, "number": number, "value": value}
            for response in responses
            for name, values in {"mean": response.mean, "sd": response.sd, **response.coefficients}.items()
            for number, value in enumerate(values)
        ]
    ).assign(features=", ".join(FEATURES))


def _summary(metrics: Mapping[str, Metric]) -> str:
    left = metrics["shear.likelihood.m_after_response.snr_above20"]
    least = min(metric.value for name, metric in metrics.items() if name.startswith("grid.likelihood.unbiased."))
    return f"likelihood unbiased at {least:.0%} of the points or more, m {left.said('+.4f')} after response"
