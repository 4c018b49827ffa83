"""What the service says to requests that it cannot answer, and that it reads good ones exactly."""

import copy
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.estimators.numbers import NumbersEstimator
from models.fields import Field
from services import predictor
from services.requests import BadRequestError, read_items
from services.verify import SUMS, sums
from tests.code.services.conftest import CONFIG

SIZE = 64


def good_items(count: int) -> list[dict[str, Any]]:
    images = np.random.default_rng(5).normal(0, 200, (count, SIZE, SIZE)).tolist()
    return [{"image": image, "sigma": 200.0, "psf_fwhm": 0.5} for image in images]


def changed(index: int, **values: Any) -> list[dict[str, Any]]:
    items = good_items(index + 1)
    items[index] |= values
    return items


def pixel(value: Any) -> list[list[Any]]:
    image: list[list[Any]] = copy.deepcopy(good_items(1)[0]["image"])
    image[3][4] = value
    return image


def post(client: TestClient, document: Any) -> Any:
    return client.post("/predict", content=json.dumps(document), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("items", "line"),
    [
        (None, "images is missing: must be a list of 1 to 256 objects with the keys image, psf_fwhm"),
        ([], "images is a list of 0: must be a list of 1 to 256"),
        ([{}] * 257, "images is a list of 257: must be a list of 1 to 256"),
        ("image", "images is 'image': must be a list of"),
        ([3], "images[0] is 3: must be an object with the keys image, psf_fwhm"),
        (changed(3, image=[[0.0] * 64] * 32), "images[3].image has shape 32x64: must be 64x64"),
        (changed(0, image=[[0.0] * 32] * 128), "images[0].image has shape 128x32: must be 64x64"),
        (changed(0, image=[[0.0] * 64] * 63 + [[0.0] * 63]), "images[0].image has shape 64x(63 or 64): must be 64x64"),
        (changed(0, image=[]), "images[0].image has shape 0x0: must be 64x64"),
        (changed(0, image=[0.0] * 4096), "images[0].image is [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...]: must be 64 lists"),
        (changed(0, image="aGVsbG8="), "images[0].image is 'aGVsbG8=': must be 64 lists of 64 numbers"),
        (changed(2, image=pixel(math.nan)), "images[2].image[3][4] is nan: must be a finite number"),
        (changed(0, image=pixel(-math.inf)), "images[0].image[3][4] is -inf: must be a finite number"),
        (changed(0, image=pixel(None)), "images[0].image[3][4] is None: must be a finite number"),
        (changed(0, image=pixel("1.5")), "images[0].image[3][4] is '1.5': must be a finite number"),
        (changed(0, image=pixel(True)), "images[0].image[3][4] is True: must be a finite number"),
        (changed(0, image=pixel([1.0])), "images[0].image[3][4] is [1.0]: must be a finite number"),
        (changed(0, image=pixel(1e300)), "images[0].image[3][4] is 1e+300: must be within ±3.4e+38"),
        (changed(1, sigma=0), "images[1].sigma is 0: must be above 0"),
        (changed(0, sigma=-200.0), "images[0].sigma is -200: must be above 0"),
        (changed(0, sigma=1e-60), "images[0].sigma is 1e-60: must be above 0"),  # which float32 rounds to 0
        (changed(0, sigma=math.nan), "images[0].sigma is nan: must be a finite number above 0"),
        (changed(0, psf_fwhm="0.5"), "images[0].psf_fwhm is '0.5': must be a finite number above 0"),
        (changed(0, psf_fwhm=True), "images[0].psf_fwhm is True: must be a finite number above 0"),
        (changed(0, psf_fwhm=10**400), "images[0].psf_fwhm is 1000"),
        (changed(0, seeing=0.5), "images[0] has an unknown key 'seeing': its keys are image, sigma, psf_fwhm"),
        ([{"image": pixel(0.0), "sigma": 1.0}], "images[0] has no psf_fwhm: it must have the keys image, psf_fwhm"),
        (
            [
                {key: item[key] for key in item if (key, index) != ("sigma", 1)}
                for index, item in enumerate(good_items(3))
            ],
            "images[1] has no sigma, and others have: state it of all, or of none",
        ),
        (
            [{"image": [[7.0] * 64] * 64, "psf_fwhm": 0.5}],
            "images[0].sigma, estimated from the image, is 0: must be above 0",
        ),
        (changed(0, image=pixel(3e38), sigma=1e-3), "images[0] has no finite posterior_flux"),
    ],
)
def test_a_bad_request_gets_400_and_one_line(client: TestClient, items: Any, line: str) -> None:
    response = post(client, {"images": items})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error.startswith(line)
    assert "\n" not in error
    assert len(error) < 250


def test_an_image_whose_noise_is_left_out_is_answered_as_if_it_were_stated_and_says_so(client: TestClient) -> None:
    items = good_items(3)
    without = [{key: item[key] for key in item if key != "sigma"} for item in items]
    said = post(client, {"images": without}).json()
    found = [one["estimated"]["sigma"] for one in said["predictions"]]
    assert all(0.9 * 200 < sigma < 1.1 * 200 for sigma in found)
    assert len(set(found)) == 3
    stated = post(
        client, {"images": [item | {"sigma": sigma} for item, sigma in zip(items, found, strict=True)]}
    ).json()
    for one, other in zip(said["predictions"], stated["predictions"], strict=True):
        assert one["answer"] == other["answer"]
        assert one["not_tested"] == [*other["not_tested"], "sigma (estimated from the image)"]
        assert "estimated" not in other
    assert set(said["units"]) - set(stated["units"]) == {"sigma"}


@pytest.mark.parametrize(
    ("images", "samples", "most"),
    [
        (1, -1, 4096),
        (1, 4097, 4096),
        (8, 2049, 2048),
        (1, 1.5, 4096),
        (1, True, 4096),
        (1, "10", 4096),
        (1, None, 4096),
    ],
)
def test_samples_that_cannot_be_drawn_get_400(client: TestClient, images: int, samples: Any, most: int) -> None:
    response = post(client, {"images": good_items(images), "samples": samples})
    assert response.status_code == 400
    assert response.json()["error"] == f"samples is {samples!r}: must be a whole number from 0 to {most}"


def test_samples_on_request_are_joint_draws_of_the_posterior(client: TestClient) -> None:
    assert "samples" not in post(client, {"images": good_items(1)}).json()["predictions"][0]
    for prediction in post(client, {"images": good_items(2), "samples": 2000}).json()["predictions"]:
        samples, answer = prediction["samples"], prediction["answer"]
        assert set(samples) == {"posterior_flux", "posterior_g1"}
        drawn = np.array([samples[name] for name in samples])
        for row, name in zip(drawn, samples, strict=True):
            error = answer[f"{name}_error"]
            assert abs(row.mean() - answer[name]) < 0.2 * error
            assert 0.8 * error < row.std() < 1.2 * error
        np.testing.assert_allclose(np.corrcoef(drawn), answer["posterior_correlation"], atol=0.15)


@pytest.mark.parametrize("body", ["", "{", "[1]", "{}", "\xff", "[" * 100_000])
def test_a_body_that_is_no_request_gets_400_and_one_line(client: TestClient, body: str) -> None:
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert len(answer.json()["error"].splitlines()) == 1


@pytest.mark.parametrize("kind", ["application/vnd.bentoml+pickle", "text/plain", "multipart/form-data; boundary=x"])
def test_pickle_and_what_any_page_may_send_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/predict", content=b"cos\nsystem\n(S'false'\ntR.", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["error"].startswith(
        f"Content-Type is {kind}: must be application/json or application/x-npy or"
    )


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({"images": changed(0), "sample": 3}, "the body has an unknown key 'sample': must be an object with the keys"),
        ([1], "the body is [1]: must be an object with the keys images, samples"),
        (None, "the body is None: must be an object with the keys images, samples"),
    ],
)
def test_a_key_that_means_nothing_is_named(client: TestClient, document: Any, line: str) -> None:
    answer = post(client, document)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(line)


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ('"sigma": 200.0', '"sigma": 200.0, "sigma": 300.0', "sigma"),
        ('"psf_fwhm": 0.5', '"psf_fwhm": -1, "psf_fwhm": 0.5', "psf_fwhm"),
        ('{"images": ', '{"images": [], "images": ', "images"),
        ('{"images": ', '{"samples": 4, "samples": 0, "images": ', "samples"),
        ('"sigma": 200.0', '"sigma": 200.0, "sigm\\u0061": 300.0', ""),
    ],
)
def test_a_key_that_is_there_twice_is_named(client: TestClient, before: str, after: str, key: str) -> None:
    body = json.dumps({"images": good_items(2)})
    assert before in body
    answer = client.post(
        "/predict", content=body.replace(before, after, 1), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    said = f"an object with the key {key} twice: say it once" if key else "a \\ in it: no key needs one"
    assert answer.json() == {"error": f"the body has {said}"}


def test_the_answer_names_version_units_and_model(client: TestClient) -> None:
    document = post(client, {"images": good_items(3)}).json()
    identities = [prediction["id"].split(".") for prediction in document["predictions"]]
    assert all(identity[:2] == ["galaxy-shape", "7"] and len(identity[2]) == 32 for identity in identities)
    assert len({identity[2] for identity in identities}) == 3
    about = client.get("/model").json()
    outputs = {output["name"]: tuple(output["shape"]) for output in about["outputs"]}
    for prediction in document["predictions"]:
        assert {name: np.shape(answer) for name, answer in prediction["answer"].items()} == outputs
        assert all(prediction["answer"][f"posterior_{name}_error"] > 0 for name in ("flux", "g1"))
    assert document["units"] == {output["name"]: output["unit"] for output in about["outputs"]}
    assert document["units"]["posterior_flux_interval68"] == "1e5 counts"
    assert [field["name"] for field in about["inputs"]] == ["image", "sigma", "psf_fwhm"]
    assert document["model"].items() <= about.items()
    assert document["model"]["version"] == 7


def test_images_are_read_exactly_and_in_order() -> None:
    items = good_items(4)
    for index, item in enumerate(items):
        item["sigma"] = 100 + index  # whole numbers are numbers too
    arrays = read_items(items, NumbersEstimator(CONFIG).inputs, most=256)
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    assert {name: array.shape for name, array in arrays.items()} == {
        "image": (4, SIZE, SIZE),
        "sigma": (4,),
        "psf_fwhm": (4,),
    }
    np.testing.assert_array_equal(arrays["image"], np.array([item["image"] for item in items], dtype=np.float32))
    np.testing.assert_array_equal(arrays["sigma"], [100 + index for index in range(4)])
    np.testing.assert_array_equal(arrays["psf_fwhm"], [0.5] * 4)


PSF = Field(name="psf", shape=(2, 3, 3))
CHANCES = Field(name="chances", shape=(3,), limits=(0, 1))


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        (Field(name="psf", shape=(2, 3, 3)), [[[0.0] * 3] * 3] * 2, None),
        (Field(name="psf", shape=(2, 3, 3)), [[[0.0] * 3] * 3], "images[0].psf has shape 1x3x3: must be 2x3x3"),
        (
            Field(name="psf", shape=(2, 3, 3)),
            [[0.0] * 3] * 2,
            "images[0].psf is [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]: must",
        ),
        (Field(name="chances", shape=(3,), limits=(0, 1)), [0.2, 0.3, 0.5], None),
        (
            Field(name="chances", shape=(3,), limits=(0, 1)),
            [0.2, 0.3, 1.5],
            "images[0].chances[2] is 1.5: must be above 0 ",
        ),
        (Field(name="chances", shape=(3,), limits=(0, 1)), 0.2, "images[0].chances is 0.2: must be 3 numbers"),
        (Field(name="offset"), -3.5, None),
    ],
)
def test_a_field_of_any_shape_is_read_and_checked(field: Field, value: Any, line: str | None) -> None:
    if line is None:
        (read,) = read_items([{field.name: value}], [field], most=256)[field.name]
        np.testing.assert_array_equal(read, np.float32(value))
        return
    with pytest.raises(BadRequestError) as error:
        read_items([{field.name: value}], [field], most=256)
    assert str(error.value).startswith(line)


def test_whole_numbers_are_read_as_such_and_within_their_labels() -> None:
    fields = [Field(name="band", dtype="int64", labels=("g", "r")), Field(name="epoch", dtype="int64")]
    read = read_items([{"band": 1, "epoch": -7}], fields, most=256)
    assert {name: (array.dtype.name, array.tolist()) for name, array in read.items()} == {
        "band": ("int64", [1]), "epoch": ("int64", [-7]),
    }  # fmt: skip
    for item, said in (
        ({"band": 2, "epoch": 0}, r"images\[0\]\.band is 2: must be a whole number from 0 to 1: g, r"),
        ({"band": -1, "epoch": 0}, r"band is -1: must be a whole number from 0 to 1"),
        ({"band": 0, "epoch": 1.5}, r"images\[0\]\.epoch is 1\.5: must be a whole number"),
    ):
        with pytest.raises(BadRequestError, match=said):
            read_items([item], fields, most=256)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        (
            "outputs",
            {"unit": "Jy"},
            "posterior_flux of the model of this package has unit '1e5 counts': stated is 'Jy'",
        ),
        ("outputs", {"name": "flow"}, "the model of this package has the fields posterior_flux"),
        (
            "inputs",
            {"shape": [32, 32]},
            r"image of .* has shape \(64, 64\): stated is \(32, 32\)",
        ),
        ("inputs", {"dtype": "int64"}, "image of the model of this package has dtype 'float32'"),
        ("outputs", {"labels": ["a", "b"]}, "posterior_flux of the model of this package has labels"),
    ],
)
def test_a_package_that_states_other_fields_than_its_model_has_does_not_start(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, change: dict[str, Any], said: str
) -> None:
    source = tmp_path / "src"
    shutil.copytree(predictor.SOURCE / "model", source / "model")
    document = json.loads((source / "model" / "package.json").read_text())
    document[part][0] |= change
    (source / "model" / "package.json").write_text(json.dumps(document))
    (tmp_path / SUMS).write_text(sums(tmp_path))
    monkeypatch.setattr(predictor, "SOURCE", source)
    with pytest.raises(ValueError, match=said):
        predictor.Predictor()


OPTIONAL = (Field(name="sigma", limits=(0, None)), Field(name="psf_fwhm_error", limits=(0, 1), optional=True))


def test_an_optional_input_may_be_left_out_and_counts_as_zero_where_others_state_it() -> None:
    assert set(read_items([{"sigma": 2.0}], OPTIONAL, most=256)) == {"sigma"}
    arrays = read_items([{"sigma": 2.0}, {"sigma": 3.0, "psf_fwhm_error": 0.25}], OPTIONAL, most=256)
    assert arrays["psf_fwhm_error"].tolist() == [0.0, 0.25]
    assert read_items([{"sigma": 2.0, "psf_fwhm_error": 0.0}], OPTIONAL, most=256)["psf_fwhm_error"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ({"sigma": 2.0, "psf_fwhm_error": -0.1}, "images[0].psf_fwhm_error is -0.1: must be above 0 and below 1"),
        ({"sigma": 2.0, "psf_fwhm_error": 1.0}, "images[0].psf_fwhm_error is 1: must be above 0 and below 1"),
        ({"psf_fwhm_error": 0.1}, "images[0] has no sigma: it must have the keys sigma"),
        ({"sigma": 2.0, "psf": 1.0}, "images[0] has an unknown key 'psf': its keys are sigma, psf_fwhm_error"),
    ],
)
def test_a_wrong_optional_input_is_named(item: dict[str, float], line: str) -> None:
    with pytest.raises(BadRequestError, match=re.escape(line)):
        read_items([item], OPTIONAL, most=256)
