"""What a person reads of a model that deblurs galaxies: the table of a run, and the parts of the card."""

from collections.abc import Mapping

from components.evidence import Figures, axis_captions
from components.fields import Metric, Report, Section
from components.problems.restoration.deblurring.benchmark import PSF_FWHM, SNRS

__label__ = None

_WAYS = {"identity": "as it is seen", "wiener": "best linear filter", "richardson_lucy": "Richardson–Lucy, 10 steps"}
REAL, REAL_BRIGHT = "real.", "real_bright."
"""Before the names of what is measured of real galaxies, all of them or bright ones."""


def report(metrics: Mapping[str, Metric]) -> Report:
    """Squared errors and shapes at every SNR, a row a way to deblur."""
    return Report(
        title=f"simulated galaxies through a PSF of {PSF_FWHM:g} arcsec",
        columns=("", *(f"SNR {snr}" for snr in SNRS)),
        rows=_rows(metrics, ""),
    )


def _rows(metrics: Mapping[str, Metric], prefix: str) -> tuple[tuple[str, ...], ...]:
    rows = []
    for score, said, form in (
        ("mse", "squared error over the light's", ".3f"), ("ellipticity_error", "ellipticity off by, median", ".3f"),
    ):  # fmt: skip
        for way, words in {**{f".{name}": of for name, of in _WAYS.items()}, "": "this model"}.items():
            found = [metrics[f"{prefix}{score}{way}.snr{snr}"].said(form) for snr in SNRS]
            rows.append((f"{said}: {words}", *found))
    ratios = [metrics[f"{prefix}mse_over_linear.snr{snr}"].said(".2f") for snr in SNRS]
    return (*rows, ("squared error over the best linear filter's", *ratios))


def sections(report: Report, metrics: Mapping[str, Metric], figures: Figures) -> tuple[Section, ...]:
    """The parts of the card.

    Args:
        report: as of `report`.
        metrics: of the evaluation.
        figures: all, by name.
    """
    parts = [
        Section(
            title="At every SNR",
            text="Test galaxies, all through one round PSF, means (of ellipticities medians) with 95 % intervals. The "
            "best linear filter knows the mean power spectrum of these very galaxies; ellipticities are those of "
            "adaptive moments, of the answer less of the truth. No answer undercuts the exact "
            f"posterior mean: the squared error is {metrics['mse_over_exact'].said('.2f')} times its.",
            tables=(report,),
            pictures=(
                ("benchmark", "Squared error and ellipticity by SNR."),
                ("examples", "The images that gain most, as the median, and least."),
            ),
        )
    ]
    if "real" in figures:
        text = (
            "Galaxies as HST saw them, which no model learned from, blurred as the simulated ones are. What counts as "
            "the truth has HST's noise; of the bright ones it is little beside what is measured."
        )
        named = [
            (name, said, prefix)
            for name, said, prefix in (
                ("real", "All of HST's galaxies", REAL), ("real-bright", "Bright ones of HST's galaxies", REAL_BRIGHT),
            )
            if name in figures
        ]  # fmt: skip
        tables = tuple(
            Report(title=said, columns=report.columns, rows=_rows(metrics, prefix)) for _, said, prefix in named
        )
        shown = tuple((name, f"{said}, by SNR.") for name, said, _ in named)
        parts.append(Section(title="Real galaxies", text=text, tables=tables, pictures=shown))
    parts.append(
        Section(
            title="Where it fails",
            text="PSFs and noise that are not as stated, neighbours, and light in knots; grey: what the training had. "
            f"Stated errors hold {metrics['coverage68.test'].said('.1%')} of the pixels of test images, the answer "
            f"blurred again leaves {metrics['residual.test'].said('.3f')} of the noise's square, and "
            f"{metrics['false_alarms.test'].said('.1%')} of test images are doubted.",
            pictures=axis_captions(figures),
        )
    )
    return tuple(parts)
