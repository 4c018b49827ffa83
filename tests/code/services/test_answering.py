"""A package's model: it answers where there is the most to compute with, and what it says is the same."""

from pathlib import Path

import numpy as np
import pytest

from models import devices
from services.answering import Answering, Answers, Asked
from tests.drills.packages import golden_inputs
from tests.other_device import pretended


def test_answers_are_computed_on_the_best_device_and_lie_on_the_processor(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {name: array.numpy() for name, array in golden_inputs().items()}
    asked = [
        Asked(inputs={name: array[:3] for name, array in given.items()}),
        Asked(inputs={name: array[3:] for name, array in given.items()}),
    ]
    without = [Asked(inputs={name: array for name, array in given.items() if name != "sigma"})]
    here = Answering(source)
    with pretended() as device:
        monkeypatch.setattr(devices, "best_device", lambda: device)
        there = Answering(source)
        assert {of.device for of in there._estimator.state_dict().values()} == {device}
        for requests in (asked, without):
            for ours, theirs in zip(there(requests), here(requests), strict=True):
                _check_same(ours, theirs)
    assert here.at_once == 64


def _check_same(ours: Answers, theirs: Answers) -> None:
    assert ours.doubts == theirs.doubts
    assert ours.not_tested == theirs.not_tested
    for part in ("outputs", "samples", "estimated"):
        arrays = getattr(ours, part)
        assert arrays.keys() == getattr(theirs, part).keys()
        for name, array in arrays.items():
            assert type(array) is np.ndarray
            assert np.allclose(array, getattr(theirs, part)[name], rtol=1e-4, atol=1e-6), name
