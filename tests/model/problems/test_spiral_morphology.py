"""spiral-morphology: the interface, mirrors, the reference regime, real pictures, and folders with labels."""

from typing import Any

from tests.model.problems.problem_conformance import ProblemConformance
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {
        "count": 160, "shard_size": 80, "size": 32, "test_fraction": 0.2, "validation_fraction": 0.2,
        "confirmation_fraction": 0.2, "snr": [200, 1000], "neighbours": 1, "reference": 0.2,
    },
    "train": {"width": 8, "epochs": 2, "batch_size": 8},
    "evaluate": {"reference_images": 20, "failure_images": 8, "bootstrap": 100},
}  # fmt: skip


def small_settings(**changed: Any) -> Any:
    sections = {name: {**values, **changed.get(name, {})} for name, values in SMALL.items()}
    return load_small("spiral-morphology", sections)


problem, settings, small_dataset = fixtures("spiral-morphology", small_settings)


class TestSpiralMorphology(ProblemConformance):
    """The conformance tests on spiral-morphology."""

    networks = ("cnn", "residual")
