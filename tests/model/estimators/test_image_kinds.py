"""Images, masks and classes: fields as stated, losses that fall, doubts outside of the measured ranges only."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.estimators import Estimator, answering_modules, build, kinds, load_model, save_model
from models.estimators.input_ranges import input_doubts, summaries
from models.fields import check_arrays

SHARED: dict[str, Any] = {
    "width": 4,
    "size": 16,
    "unit": "counts",
    "noise": "sigma",
    "conditions": [
        {"name": "sigma", "unit": "counts", "mean": 5.3, "sd": 0.5},
        {"name": "psf_fwhm", "unit": "arcsec"},
    ],
}
CONFIGS: dict[str, dict[str, Any]] = {
    "image": {**SHARED, "kind": "image", "network": "small_unet"},
    "mask": {**SHARED, "kind": "mask", "network": "small_unet"},
    "classes": {**SHARED, "kind": "classes", "network": "cnn", "classes": ["left", "right", "none"]},
}
REGION = {"inputs": {"image": [0.5, 20.0], "sigma": [100.0, 400.0], "psf_fwhm": [0.4, 1.2]}}


def batch(count: int = 8) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Discs left, right or nowhere, under noise, with the targets of every kind."""
    generator = torch.Generator().manual_seed(5)
    sigma_b = 150 + 100 * torch.rand(count, generator=generator)
    side_b = torch.arange(count) % 3
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    disc_khw = torch.stack([(x - centre).square() + (y - 8).square() < 9 for centre in (4, 11, 99)]).float()
    mask_bhw = disc_khw[side_b]
    clean_bhw = 5 * sigma_b[:, None, None] * mask_bhw
    image_bhw = clean_bhw + sigma_b[:, None, None] * torch.randn(count, 16, 16, generator=generator)
    inputs = {"image": image_bhw, "sigma": sigma_b, "psf_fwhm": torch.full((count,), 0.8)}
    return inputs, {"clean_image": clean_bhw, "mask": mask_bhw, "class": side_b}


@pytest.fixture(params=CONFIGS)
def estimator(request: pytest.FixtureRequest) -> Estimator:
    torch.manual_seed(0)
    return build(CONFIGS[request.param])


def test_answers_are_what_the_fields_say(estimator: Estimator) -> None:
    inputs, _ = batch()
    outputs = estimator.eval()(inputs)
    check_arrays(inputs, estimator.inputs, "the batch")
    check_arrays(outputs, estimator.outputs, "the answer")
    for field in estimator.outputs:
        low, high = field.limits
        assert outputs[field.name].isfinite().all()
        assert low is None or (outputs[field.name] > low).all()
        assert high is None or (outputs[field.name] < high).all()


@pytest.mark.parametrize("factor", [0.0, 1e6, -1e6])
def test_answers_to_odd_images_keep_within_the_limits(estimator: Estimator, factor: float) -> None:
    inputs, _ = batch()
    outputs = estimator.eval()({**inputs, "image": factor * inputs["image"]})
    for field in estimator.outputs:
        low, high = field.limits
        assert outputs[field.name].isfinite().all()
        assert low is None or (outputs[field.name] > low).all()
        assert high is None or (outputs[field.name] < high).all()


def test_units_of_the_image_change_nothing(estimator: Estimator) -> None:
    inputs, _ = batch()
    sigma = {**CONFIGS[estimator.config["kind"]]["conditions"][0], "mean": 5.3 + 2.302585093}
    config = {**estimator.config, "conditions": [sigma, estimator.config["conditions"][1]]}
    other = build(config)
    other.load_state_dict(estimator.state_dict())
    outputs = estimator.eval()(inputs)
    scaled = other.eval()({**inputs, "image": 10 * inputs["image"], "sigma": 10 * inputs["sigma"]})
    for field in estimator.outputs:
        times = 10 if field.unit else 1
        torch.testing.assert_close(scaled[field.name], times * outputs[field.name], rtol=1e-3, atol=1e-3 * times)


def test_it_is_built_from_json(estimator: Estimator) -> None:
    again = build(json.loads(json.dumps(estimator.config)))
    assert (again.inputs, again.outputs) == (estimator.inputs, estimator.outputs)
    assert [*again.state_dict()] == [*estimator.state_dict()]
    assert len(answering_modules(estimator.config)) == 3


def test_loss_is_of_each_image_and_falls(estimator: Estimator) -> None:
    inputs, targets = batch()
    optimizer = torch.optim.Adam(estimator.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss_b = estimator.loss(inputs, targets)
        assert loss_b.shape == (8,)
        loss_b.mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss_b.detach().mean()))
    assert losses[-1] < losses[0] - 0.2


def test_doubts_begin_where_the_ranges_end(estimator: Estimator) -> None:
    inputs, _ = batch()
    outputs = estimator.eval()(inputs)
    assert estimator.doubts(inputs, outputs, REGION) == [[]] * 8
    pushed = estimator.doubtful(inputs, REGION)
    check_arrays(pushed, estimator.inputs, "the batch")
    assert all(len(lines) == 3 for lines in estimator.doubts(pushed, estimator(pushed), REGION))
    assert not torch.equal(pushed["sigma"], inputs["sigma"])


def test_an_empty_image_can_be_made_doubtful(estimator: Estimator) -> None:
    inputs, _ = batch()
    empty = {**inputs, "image": torch.zeros_like(inputs["image"])}
    pushed = estimator.doubtful(empty, REGION)
    loudness = summaries(pushed, pushed["sigma"])["image"]
    torch.testing.assert_close(loudness, torch.full((8,), 60.0))


def test_doubts_say_what_lies_where() -> None:
    region = {"inputs": {"image": [0.9, 2.4], "sigma": [100.0, 400.0]}}
    found = input_doubts(region, {"image": torch.tensor([7.1, 2.4]), "sigma": torch.tensor([900.0, 100.0])})
    assert found == [
        [
            "image loudness 7.1 is outside of 0.9 to 2.4, where the model was measured",
            "sigma 900 is outside of 100 to 400, where the model was measured",
        ],
        [],
    ]
    assert input_doubts({"inputs": {"sigma": [1.0, 2.0]}}, {"sigma": torch.tensor([float("nan")])})[0]


def test_a_saved_one_answers_the_same(estimator: Estimator, tmp_path: Path) -> None:
    inputs, _ = batch()
    save_model(tmp_path, estimator, {"problem": "toy"})
    loaded, _ = load_model(tmp_path)
    for name, array in estimator.eval()(inputs).items():
        torch.testing.assert_close(loaded(inputs)[name], array, rtol=0, atol=0)


def test_a_number_may_take_the_noise_s_place(estimator: Estimator) -> None:
    inputs, _ = batch()
    config = {**estimator.config, "noise": None, "scale": 200.0, "conditions": []}
    torch.manual_seed(0)
    alone = build(config).eval()
    outputs = alone({"image": inputs["image"]})
    check_arrays(outputs, alone.outputs, "the answer")
    region = {"inputs": {"image": [0.5, 20.0]}}
    assert alone.doubts({"image": inputs["image"]}, outputs, region) == [[]] * 8
    assert all(alone.doubts(alone.doubtful({"image": inputs["image"]}, region), outputs, region))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"kind": "picture"},
            f"kind of estimator = 'picture': must be one of {', '.join(kinds())}",
        ),
        ({"network": "no_such"}, "network = 'no_such': must be one of"),
        ({"noise": "psf"}, "noise = 'psf': must be one of the conditions sigma, psf_fwhm"),
        ({"noise": None, "scale": 0.0}, "noise = None and scale = 0.0: scale must be above 0, or None for counts"),
    ],
)
def test_what_is_wrong_is_named(estimator: Estimator, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build({**estimator.config, **changed})


def test_one_class_is_none() -> None:
    with pytest.raises(ValueError, match=r"classes = \['left'\]: must be two or more"):
        build({**CONFIGS["classes"], "classes": ["left"]})
