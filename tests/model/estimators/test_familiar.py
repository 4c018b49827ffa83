"""What is like no simulated image is doubted, by how its light is spread and by how much of it there is."""

from typing import Any

import pytest
import torch

from models.estimators.familiar import FALSE_ALARMS, FamiliarImages
from tests.other_device import pretended

CONFIG: dict[str, Any] = {"size": 16, "cells": 4, "images": 2000, "said": "the light"}


def skies(count: int, *, tilt: float = 0.3, level: float = 10.0, seed: int = 0) -> torch.Tensor:
    """Counts under a gradient of random slope, each of its own brightness."""
    rng = torch.Generator().manual_seed(seed)
    slope = tilt * torch.rand(count, 1, 1, generator=rng)
    across = torch.linspace(-1, 1, 16)[None, None]
    mean = level * (0.5 + torch.rand(count, 1, 1, generator=rng)) * (1 + slope * across).expand(count, 16, 16)
    return torch.poisson(mean, generator=rng)


@pytest.fixture
def familiar() -> FamiliarImages:
    made = FamiliarImages(CONFIG)
    made.learn(skies(2000))
    return made


def doubted(familiar: FamiliarImages, image: torch.Tensor) -> tuple[float, list[str]]:
    """Share that is doubted, and every line."""
    said = familiar.doubts(familiar.arrays(image), image)
    return sum(bool(lines) for lines in said) / len(said), [line for lines in said for line in lines]


def test_one_ordinary_image_in_a_hundred_is_doubted(familiar: FamiliarImages) -> None:
    p_value = familiar.arrays(skies(20_000, seed=1))["p_value"]
    assert float((p_value < FALSE_ALARMS).float().mean()) == pytest.approx(FALSE_ALARMS, abs=0.005)


def test_light_that_is_spread_otherwise_is_doubted_whatever_its_level(familiar: FamiliarImages) -> None:
    for level in (7.0, 10.0, 14.0):
        share, said = doubted(familiar, skies(200, level=level, seed=2).mT.flip(1) * 1.0)
        assert share > 0.2
        steep, said = doubted(familiar, skies(200, tilt=0.9, level=level, seed=2).flip(2))
        assert steep > 0.7
        assert "the light is spread as in no simulated image" in said[0]


def test_a_bright_point_is_no_reason(familiar: FamiliarImages) -> None:
    image = skies(500, seed=3)
    image[:, 5, 6] += 500
    assert doubted(familiar, image)[0] < 0.06
    image[:, 4:8, 4:8] += 500
    share, said = doubted(familiar, image)
    assert share == 1
    assert "x -2, y -2 pixels from the centre" in said[0]


def test_too_much_and_too_little_light_is_told_as_that(familiar: FamiliarImages) -> None:
    for times in (0.0, 0.1, 10.0):
        share, said = doubted(familiar, (skies(100, seed=4) * times).round())
        assert share == 1
        assert any("times the light that is usual" in line for line in said)


def test_nothing_is_doubted_and_nothing_breaks_on_what_is_no_sky(familiar: FamiliarImages) -> None:
    for image in (torch.zeros(2, 16, 16), torch.full((2, 16, 16), 1e6), torch.full((2, 16, 16), -5.0)):
        arrays = familiar.arrays(image)
        assert all(bool(torch.isfinite(array).all()) for array in arrays.values())
        assert bool((arrays["p_value"] < FALSE_ALARMS).all())


def test_what_is_said_of_an_image_is_the_same_on_another_device(familiar: FamiliarImages) -> None:
    image = torch.cat([skies(20, tilt=0.9, seed=2).flip(2), 10 * skies(5, seed=4)])
    _, here = doubted(familiar, image)
    assert any("spread" in line for line in here)
    assert any("times the light" in line for line in here)
    with pretended() as device:
        assert doubted(familiar.to(device), image.to(device))[1] == here


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"familiar\.cells = 5: must divide the size, 16"):
        FamiliarImages({**CONFIG, "cells": 5})
    with pytest.raises(ValueError, match="7 images to learn from: must be 2000"):
        FamiliarImages(CONFIG).learn(skies(7))
