"""How well what no image shows must be known: the PSF's width and shape, and the sky.

    metrics = accuracy_needed(answers, slices, truths)       # accuracy_needed.psf_fwhm.fresh.half_light_radius: 0.8
    table = accuracy_table(metrics, truths)

An error of so much moves half of the answers by more than a quarter of their bound, and no test of the image sees it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.evidence.intervals import Array, median, too_few
from components.evidence.numbers.answers import Answers
from components.fields import Metric, Report
from models.estimators.numbers import STEPS

__label__ = "accuracy_needed"

NEEDED = "accuracy_needed"
_BOUNDS = 0.25
_KNOWN = {
    "psf_fwhm": (("psf_fwhm",), 100.0, "FWHM of the PSF [%]"),
    "psf_shear": (("psf_g1", "psf_g2"), 1.0, "each component of the PSF's shear"),
    "sky": (("sky",), 1.0, "sky [σ a pixel]"),
}
"""What must be known: the sensitivities that it enters by, the factor of its unit, and how it is called."""


def accuracy_needed(
    answers: Answers, slices: Mapping[str, np.ndarray[Any, Any]], truths: Sequence[str]
) -> dict[str, Metric]:
    """`accuracy_needed.<what>.<slice>.<truth>`: the error that moves the median answer by a quarter of its bound.

    Args:
        answers: to images like the training's.
        slices: rows of each.
        truths: the parameters.
    """
    if not np.isfinite(answers.sensitivity).all():  # nothing can be drawn
        return {}
    metrics = {}
    for what, (names, unit, _) in _KNOWN.items():
        for name, rows in slices.items():
            error = _error_for(answers.of(rows).sensitivity, names) * unit
            for i, truth in enumerate(truths):
                metrics[f"{NEEDED}.{what}.{name}.{truth}"] = too_few(name, len(error)) or median(error[:, i])
    return metrics


def accuracy_table(metrics: Mapping[str, Metric], truths: Sequence[str]) -> Report:
    """The same for a person, a row a slice and what must be known."""
    rows = []
    for what, (_, _, said) in _KNOWN.items():
        begin = f"{NEEDED}.{what}."
        for name in dict.fromkeys(key.split(".")[2] for key in metrics if key.startswith(begin)):
            rows.append((said, name, *(metrics[f"{begin}{name}.{truth}"].said(".2g") for truth in truths)))
    return Report(title="To be known to", columns=("what", "images", *truths), rows=tuple(rows))


def _error_for(sensitivity: Array, names: Sequence[str]) -> Array:
    """Errors that move values by `_BOUNDS` bounds, shape (images, truths)."""
    steps = list(STEPS)
    moved = np.stack([sensitivity[:, steps.index(name)] / STEPS[name].size for name in names])
    found: Array = _BOUNDS / np.maximum(np.sqrt(np.square(moved).sum(axis=0)), np.finfo(np.float32).tiny)
    return found
