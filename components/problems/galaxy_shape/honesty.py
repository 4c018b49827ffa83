"""How honest a model is: its bias over the prior on a grid, and the shear that its shapes give.

    honesty = measure_honesty(problem, answer, settings, device=device, progress=progress)

The first half of the sheared galaxies teaches the response, by which the mean shapes of the second half are divided.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from components.evidence.numbers import UNBIASED, grid_metrics, measure_grid, plot_bias_grid, plot_shear_bias
from components.fields import Answer, Honesty, Metric, Report, Section
from components.problems.galaxy_shape.grid import grid_points
from components.problems.galaxy_shape.rings import SHEAR, TURNS, sheared_rings
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
_GRID, _RINGS, _NOISE = range(3)
"""What seeds are for."""


def measure_honesty(
    problem: "RegressionProblem",
    answer: Answer,
    settings: "GalaxyShapeSettings",
    *,
    device: "torch.device",
    progress: Callable[[int], object],
) -> Honesty:
    """Both, as `settings.honesty` says."""
    honesty = settings.honesty
    points = grid_points(settings.simulate, count=honesty.grid_points, seed=honesty.seed)
    grid = measure_grid(
        problem, answer, points, settings,
        pairs=honesty.noise_pairs, seed=honesty.seed, device=device, progress=progress,
    )  # fmt: skip
    metrics = grid_metrics(grid, resamplings=settings.evaluate.bootstrap, seed=honesty.seed)
    rings = sheared_rings(settings.simulate, seed=honesty.seed, galaxies=honesty.shear_galaxies)
    sheared = ask_rings(problem, answer, settings, rings, seed=honesty.seed, device=device, progress=progress)
    shear, responses = measure_shear(sheared)
    metrics |= shear
    table = _shear_table(shear)
    units = {field.name: field.unit for field in problem.targets(settings.simulate)}
    report = Report(title="shear", columns=("slice", *_SHEAR_COLUMNS), rows=_shear_rows(shear))
    return Honesty(
        metrics=metrics,
        summary=_summary(metrics),
        report=report,
        sections=(
            Section(
                title="Bias over the prior",
                text=f"{len(points)} galaxies spread evenly over the prior, as many in each slice of the SNR, each under "
                f"{honesty.noise_pairs} pairs of opposite noise. Unbiased means |bias| ≤ {UNBIASED} bounds; the interval "
                "goes from the points for which that is certain to those for which it is possible, all intervals holding "
                "together. Judged are flux, radius and shape with an index of 1 to 4.5 and a radius of 0.15 to 0.5″, and "
                "the index where two bounds to either side can be drawn.",
                tables=(Report(title="Points judged", columns=("of", *_GRID_COLUMNS), rows=_grid_rows(metrics, problem.truths)),),
                pictures=(("bias-over-the-prior", "Bias of the likelihood at each point."),),
            ),
            Section(
                title="Shear",
                text=f"{honesty.shear_galaxies:,} galaxies of the prior, each turned by 0°, 45°, 90° and 135° and sheared "
                f"by ±{SHEAR:g} under the same noise. Slices are by what the model finds, with the response of that "
                "selection; those of PSF and radius at an SNR of at least 20. After response: the mean shape over what "
                f"{honesty.shear_galaxies // 2:,} other galaxies say it must be.",
                tables=(report,),
                pictures=(("shear-bias", "Multiplicative bias against the SNR that the model finds."),),
            ),
        ),
        tables={"grid": grid, "shear": table, "shear-response": _response_table(responses)},
        plots={
            "bias-over-the-prior": plot_bias_grid(grid, problem.truths, units),
            "shear-bias": plot_shear_bias(table),
        },
    )


def measure_shear(sheared: Sheared) -> tuple[dict[str, Metric], list[Response]]:
    """`shear.<answer>.m.<slice>`, `….m_after_response.<slice>` and `….c1.<slice>`, `….c2.<slice>`; and the responses."""
    galaxies = sheared.along_n.size // TURNS
    middle = galaxies // 2 * TURNS
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
            left = biases(judged, answer, chosen)[0].over(response.of_slice(judged, chosen))
            # What the response was learned from has its own error, as large as if the slice's own mean had taught it.
            learned = biases(teaching, answer, chosen)[0].over(response.of_slice(teaching, chosen))
            error = learned.influence_k.std(ddof=1) / np.sqrt(len(learned.influence_k))
            metrics[f"shear.{answer}.m_after_response.{name}"] = left.metric(1.0, error=error)
    return metrics, responses


_SHEAR_COLUMNS = ("posterior: m", "m after response", "likelihood: m", "m after response", "c1", "c2")
_GRID_COLUMNS = ("answer", "unbiased", "RMSE over biased bound", "points by SNR")


def _shear_rows(metrics: Mapping[str, Metric]) -> tuple[tuple[str, ...], ...]:
    shown = [("posterior", "m"), ("posterior", "m_after_response"), ("likelihood", "m"),
             ("likelihood", "m_after_response"), ("likelihood", "c1"), ("likelihood", "c2")]  # fmt: skip
    return tuple(
        (name, *(metrics[f"shear.{answer}.{of}.{name}"].said("+.4f") for answer, of in shown)) for name in SLICES
    )


def _grid_rows(metrics: Mapping[str, Metric], truths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    rows = []
    for truth in truths:
        counts = {name.rpartition(".")[2]: metric for name, metric in metrics.items()
                  if name.startswith(f"grid.points.{truth}.")}  # fmt: skip
        points = ", ".join(f"{name.removeprefix('snr').replace('_', '–')}: {of.value:.0f}" for name, of in counts.items())
        for answer in ANSWERS:
            of = f"grid.{answer}"
            if f"{of}.unbiased.{truth}" in metrics:
                unbiased = metrics[f"{of}.unbiased.{truth}"].said(".0%")
                rows.append((truth, answer, unbiased, metrics[f"{of}.rmse_over_biased_bound.{truth}"].said(), points))
    return tuple(rows)


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
    rows = []
    for response in responses:
        for name, values in (("mean", response.mean), ("sd", response.sd)):
            rows += [{"answer": response.answer, "of": name, "number": i, "value": of} for i, of in enumerate(values)]
        for name, values in response.coefficients.items():
            rows += [{"answer": response.answer, "of": name, "number": i, "value": of} for i, of in enumerate(values)]
    return pd.DataFrame(rows).assign(features=", ".join(FEATURES))


def _summary(metrics: Mapping[str, Metric]) -> str:
    m = metrics["shear.likelihood.m_after_response.snr_above20"]
    least = min(metric.value for name, metric in metrics.items() if name.startswith("grid.likelihood.unbiased."))
    return f"likelihood unbiased at {least:.0%} of the grid's points or more, m {m.said('+.4f')} after response"
