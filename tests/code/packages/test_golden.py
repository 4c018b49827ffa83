"""Golden inputs have answers that other machines give, too; the last lies outside of the tested range in everything."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from components.core import AssayError
from components.packages.golden import make_golden
from models.estimators.numbers import NumbersEstimator
from models.fields import Arrays
from tests.drills.packages import golden_inputs
from tests.estimators import CONFIG, TESTED_RANGE

EMPTY: dict[str, Any] = {"conditions": {}, "snr": None, "axes": {}}


def test_only_the_last_one_is_doubted_and_for_each_condition() -> None:
    torch.manual_seed(0)
    inputs = {name: array[:3] for name, array in golden_inputs().items()}
    golden = make_golden(NumbersEstimator(CONFIG).eval(), inputs, TESTED_RANGE)
    assert golden.doubts[:-1] == [[], []]
    assert [line.split()[0] for line in golden.doubts[-1]] == ["sigma", "psf_fwhm"]
    assert all((golden.inputs[name][:-1] == array[:-1].numpy()).all() for name, array in inputs.items())


def test_a_range_that_begins_at_nothing_is_left_at_its_upper_end() -> None:
    region = TESTED_RANGE | {"conditions": {"sigma": [0.0, 400.0]}}
    changed = NumbersEstimator(CONFIG).doubtful(golden_inputs(), region)
    assert changed["sigma"].tolist() == [800.0] * 4
    assert torch.equal(changed["psf_fwhm"], golden_inputs()["psf_fwhm"])


def test_golden_inputs_that_prove_no_doubt_are_refused() -> None:
    with pytest.raises(AssayError, match="the last golden input is not doubted"):
        make_golden(NumbersEstimator(CONFIG).eval(), golden_inputs(), EMPTY)


def test_golden_inputs_that_are_not_the_models_fields_are_refused() -> None:
    inputs = golden_inputs()
    for wrong, said in (
        (inputs | {"image": inputs["image"][:, :32]}, r"image of the golden inputs has the shape \(32, 64\)"),
        (inputs | {"sigma": inputs["sigma"].double()}, "sigma of the golden inputs is float64: must be float32"),
        (inputs | {"gain": inputs["sigma"]}, "has an unknown field gain"),
    ):
        with pytest.raises(AssayError, match=said):
            make_golden(NumbersEstimator(CONFIG).eval(), wrong, TESTED_RANGE)


class Edged(NumbersEstimator):
    """A flux that is higher by its error where an image has more light than its first light of these."""

    edges: ClassVar[list[float]] = []

    def forward(self, inputs: Arrays) -> dict[str, Tensor]:
        outputs = super().forward(inputs)
        light_b = inputs["image"].abs().sum(dim=(1, 2))
        over_b = (light_b[:, None] >= torch.tensor(self.edges)).sum(dim=1)
        return outputs | {"posterior_flux": outputs["posterior_flux"] + over_b * outputs["posterior_flux_error"]}


def lights(inputs: Arrays) -> list[float]:
    return [float(light) for light in inputs["image"].abs().sum(dim=(1, 2))]


def test_inputs_whose_answer_last_bits_decide_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = golden_inputs()
    first, second, third, _ = lights(inputs)
    monkeypatch.setattr(Edged, "edges", [second * (1 - 1e-7), third * 1.01])
    golden = make_golden(Edged(CONFIG).eval(), inputs, TESTED_RANGE)
    assert [float(np.abs(image).sum()) for image in golden.inputs["image"][:-1]] == pytest.approx([first, third])
    assert golden.doubts[-1]


def test_inputs_whose_answers_are_all_decided_by_last_bits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = golden_inputs()
    monkeypatch.setattr(Edged, "edges", [light * (1 - 1e-7) for light in lights(inputs)])
    with pytest.raises(AssayError, match=r"of 4 golden inputs, .* answers that last bits do not decide: set package"):
        make_golden(Edged(CONFIG).eval(), inputs, TESTED_RANGE)
