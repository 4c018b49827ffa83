"""A slow answer is timed less often, as often as its median takes."""

from collections import Counter

import pytest
import torch

from components.evidence import timing
from models.fields import Arrays


@pytest.mark.parametrize(("seconds", "times"), [(0.01, {1: 30, 64: 12}), (1.0, {1: 10, 64: 10}), (60.0, {1: 6, 64: 6})])
def test_a_slow_answer_is_timed_as_often_as_its_median_takes(
    monkeypatch: pytest.MonkeyPatch, seconds: float, times: dict[int, int]
) -> None:
    clock, asked = [0.0], Counter[int]()

    def answer(inputs: Arrays) -> dict[str, torch.Tensor]:
        clock[0] += seconds
        asked[len(inputs["image"])] += 1
        return {"found": inputs["image"]}

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    found = timing.time_per_image(answer, {"image": torch.zeros(3, 4, 4)})
    assert {size: count - 1 for size, count in asked.items()} == times, "the first answer is not timed"
    assert found["milliseconds.batch64"].value == pytest.approx(1e3 * seconds / 64)
