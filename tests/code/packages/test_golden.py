"""The last golden input lies outside of the trusted region in everything that the region limits."""

from typing import Any

import pytest
import torch

from components.core import AssayError
from components.packages.golden import make_golden, with_one_to_be_doubted
from models.estimators import Estimator
from tests.drills.packages import golden_inputs
from tests.estimators import CONFIG, TRUSTED_REGION

EMPTY: dict[str, Any] = {"conditions": {}, "snr": None, "misfit": 2.4, "axes": {}}


def test_only_the_last_one_is_doubted_and_for_each_condition() -> None:
    torch.manual_seed(0)
    inputs = {name: array[:3] for name, array in golden_inputs().items()}
    changed = with_one_to_be_doubted(inputs, TRUSTED_REGION)
    golden = make_golden(Estimator(CONFIG).eval(), changed, TRUSTED_REGION)
    assert golden.doubts[:-1] == [[], []]
    assert [line.split()[0] for line in golden.doubts[-1]] == ["sigma", "psf_fwhm"]


def test_a_range_that_begins_at_nothing_is_left_at_its_upper_end() -> None:
    changed = with_one_to_be_doubted({"z": torch.tensor([0.5, 0.5])}, {"conditions": {"z": [0.0, 1.0]}})
    assert changed["z"].tolist() == [0.5, 2.0]


def test_golden_inputs_that_prove_no_doubt_are_refused() -> None:
    with pytest.raises(AssayError, match="the last golden input is not doubted"):
        make_golden(Estimator(CONFIG).eval(), golden_inputs(), EMPTY)
