"""What the model card and the command say of measured honesty: two sections, each with a table and a picture."""

from collections.abc import Mapping, Sequence

from components.evidence.numbers import UNBIASED
from components.fields import Metric, Report, Section
from components.problems.galaxy_shape.rings import SHEAR
from components.problems.galaxy_shape.settings import GalaxyHonestySettings
from components.problems.galaxy_shape.shear import ANSWERS

__label__ = None

GRID, SHEAR_BIAS = "bias-over-the-prior", "shear-bias"
"""Names of the pictures."""


def sections(
    metrics: Mapping[str, Metric], asked: GalaxyHonestySettings, truths: Sequence[str], slices: Sequence[str]
) -> tuple[Section, ...]:
    """Both parts of the card.

    Args:
        metrics: of the measurement.
        asked: how thorough it was.
        truths: names of the parameters.
        slices: names of the shear's.
    """
    grid = Section(
        title="Bias over the prior",
        text=f"{asked.grid_points} galaxies spread evenly over the prior, as many in each slice of the SNR, each under "
        f"{asked.noise_pairs} pairs of opposite noise. Unbiased means |bias| ≤ {UNBIASED} bounds; the interval goes "
        "from the points for which that is certain to those for which it is possible, all intervals holding together. "
        "Judged are flux, radius and shape with an index of 1 to 4.5 and a radius of 0.15″ to 0.5″, and the index "
        "where two bounds to either side can be drawn.",
        tables=(_grid_report(metrics, truths),),
        pictures=((GRID, "Bias of the likelihood at each point."),),
    )
    shear = Section(
        title="Shear",
        text=f"{asked.shear_galaxies:,} galaxies of the prior, each turned by 0°, 45°, 90° and 135° and sheared by "
        f"±{SHEAR:g} under the same noise. Slices are by what the model finds, soft at their ends, with the response "
        "of that selection; those of PSF and radius at an SNR of at least 20. After response: the mean shape over what "
        f"{asked.shear_galaxies // 2:,} other galaxies say it must be.",
        tables=(shear_report(metrics, slices),),
        pictures=((SHEAR_BIAS, "Multiplicative bias against the SNR that the model finds."),),
    )
    return grid, shear


def shear_report(metrics: Mapping[str, Metric], slices: Sequence[str]) -> Report:
    """M and c in every slice."""
    shown = {
        "posterior: m": "posterior.m",
        "posterior: m after response": "posterior.m_after_response",
        "likelihood: m": "likelihood.m",
        "likelihood: m after response": "likelihood.m_after_response",
        "likelihood: c1": "likelihood.c1",
        "likelihood: c2": "likelihood.c2",
    }
    rows = tuple((name, *(metrics[f"shear.{of}.{name}"].said("+.4f") for of in shown.values())) for name in slices)
    return Report(title="shear: multiplicative bias m and additive c", columns=("slice", *shown), rows=rows)


def _grid_report(metrics: Mapping[str, Metric], truths: Sequence[str]) -> Report:
    rows = []
    for truth in truths:
        begin = f"grid.points.{truth}.snr"
        counts = {name.removeprefix(begin): of.value for name, of in metrics.items() if name.startswith(begin)}
        points = ", ".join(f"{name.replace('_', '–')}: {count:.0f}" for name, count in counts.items())
        for answer in ANSWERS:
            unbiased = metrics.get(f"grid.{answer}.unbiased.{truth}")
            over = metrics.get(f"grid.{answer}.rmse_over_biased_bound.{truth}")
            if unbiased and over:
                rows.append((truth, answer, unbiased.said(".0%"), over.said(), points))
    columns = ("of", "answer", "unbiased", "RMSE / biased bound", "points judged, by SNR")
    return Report(title="At the points that are judged", columns=columns, rows=tuple(rows))
