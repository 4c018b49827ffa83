"""How skies are shown to a network: counts drawn of what is expected, and in training also other amplitudes.

Everything here decides what a training comes to. Shape suffixes: b batch, k diffuse components,
h height, w width.
"""

from typing import Any

from torch import Tensor

from components.fields import Seeds, poisson
from components.problems.galactic_centre.settings import GalacticCentreProblemSettings
from components.problems.skies import OF_COUNTS, ends, familiar_config, show_afresh
from components.simulators.galactic_centre import AMPLITUDES, COUNTS, PARAMETERS
from models.fields import Arrays, Field

__label__ = "galactic_centre_presentation"


def truth_fields() -> tuple[Field, ...]:
    """What models are to find."""
    return tuple(Field(name=name) for name in PARAMETERS)


def present(
    stored: Arrays, seed_b: Seeds, settings: GalacticCentreProblemSettings, *, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Counts of each sky, and its parameters."""
    truths = {name: stored[name] for name in PARAMETERS}
    expected_bhw = stored["expected"]
    if training and settings.train.fresh_amplitudes:
        shown = show_afresh(stored, seed_b, settings.simulate)
        expected_bhw = shown.expected_bhw
        truths |= dict(zip(AMPLITUDES, shown.amplitude_bk.unbind(1), strict=True))
    return {"image": poisson(seed_b, expected_bhw, stream=OF_COUNTS)}, truths


def estimator_config(settings: GalacticCentreProblemSettings) -> dict[str, Any]:
    """Network and scales: every parameter is uniform over its prior."""
    whole = {name: 0.5 if name in COUNTS else 0.0 for name in PARAMETERS}  # a number stands for all that round to it
    return {
        "kind": "numbers",
        "network": settings.train.network,
        "width": settings.train.width,
        "size": settings.simulate.size,
        "unit": "counts",
        "noise": None,
        "conditions": [],
        "outputs": [
            {"name": name, "unit": "", "scale": "uniform", "low": low - whole[name], "high": high + whole[name]}
            for name, (low, high) in ends(settings.simulate).items()
        ],
        "scoring_steps": 0,
        "drawing": None,
        "familiar": familiar_config(settings.simulate, settings.train.familiar_images),
    }
