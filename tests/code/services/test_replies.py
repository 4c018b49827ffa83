"""Answers in every type: the same numbers, units, doubts and model, as their readers find them."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from safetensors import safe_open
from safetensors.numpy import load, save
from starlette.testclient import TestClient

from models.fields import Field
from services.answering import Answers
from services.replies import WRITERS, About, NotAcceptableError, fits_unit, wanted

OUTPUTS = (
    Field(name="flux", unit="1e5 counts"),
    Field(name="flux_interval68", shape=(2,), unit="1e5 counts", labels=("low", "high")),
    Field(name="restored", shape=(3, 4), unit="counts"),
    Field(name="class", dtype="int64", labels=("spiral", "smooth")),
)
ABOUT = About(model={"problem": "toys", "version": 3, "package": "toys:v3-00"}, outputs=OUTPUTS)
RANDOM = np.random.default_rng(0)
ANSWERS = Answers(
    outputs={
        "flux": np.float32([1.5, 2.5]),  # type: ignore[dict-item, arg-type]
        "flux_interval68": RANDOM.normal(size=(2, 2)).astype(np.float32),
        "restored": RANDOM.normal(size=(2, 3, 4)).astype(np.float32),
        "class": np.array([1, 0]),
    },
    doubts=[[], ["a sky of +2 σ\ta pixel", "off the centre (χ² 3 ± 1), Ångström"]],
    not_tested=["psf"],
    samples={"flux": RANDOM.normal(size=(2, 5)).astype(np.float32)},
)
IDS = ["toys.3.a", "toys.3.b"]


def test_json_has_words_for_numbers_that_stand_for_them() -> None:
    said = json.loads(WRITERS["application/json"](ANSWERS, IDS, ABOUT))
    first, second = said["predictions"]
    assert (first["id"], first["in_tested_range"], second["doubts"]) == (IDS[0], True, list(ANSWERS.doubts[1]))
    assert [one["answer"]["class"] for one in (first, second)] == ["smooth", "spiral"]
    assert second["answer"]["flux"] == 2.5
    assert np.array_equal(second["answer"]["restored"], ANSWERS.outputs["restored"][1])
    assert np.array_equal(first["samples"]["flux"], ANSWERS.samples["flux"][0])
    assert said["units"]["flux"] == "1e5 counts"
    assert said["labels"] == {"flux_interval68": ["low", "high"]}
    assert said["model"] == ABOUT.model


def test_safetensors_has_every_output_to_the_last_bit(tmp_path: Any) -> None:
    body = WRITERS["application/x-safetensors"](ANSWERS, IDS, ABOUT)
    found = load(body)
    assert set(found) == {*ANSWERS.outputs, "samples.flux"}
    for name, array in ANSWERS.outputs.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    (tmp_path / "answer.safetensors").write_bytes(body)
    with safe_open(tmp_path / "answer.safetensors", framework="numpy") as file:
        said = {name: json.loads(value) for name, value in file.metadata().items()}
    assert said["id"] == IDS
    assert said["in_tested_range"] == [True, False]
    assert said["doubts"] == [list(lines) for lines in ANSWERS.doubts]
    assert said["labels"]["class"] == ["spiral", "smooth"]
    assert said["model"] == ABOUT.model


def test_a_fits_table_is_read_with_its_units_and_says_which_model_answered() -> None:
    table = Table.read(io.BytesIO(WRITERS["application/fits"](ANSWERS, IDS, ABOUT)))
    assert table["id"].tolist() == IDS
    assert table["in_tested_range"].tolist() == [True, False]
    said = "a sky of +2 sigma a pixel; off the centre (chi^2 3 +/- 1), \\xc5ngstr\\xf6m"
    assert table["doubts"].tolist() == ["", said]
    assert str(table["flux"].unit) == "100000 ct"
    assert str(table["restored"].unit) == "ct"
    assert np.array_equal(table["restored"], ANSWERS.outputs["restored"])
    assert table["class"].tolist() == ["smooth", "spiral"]
    assert table["samples_flux"].shape == (2, 5)
    assert table.meta["PACKAGE"] == "toys:v3-00"
    assert "not tested: psf" in str(table.meta["comments"])


def test_what_was_estimated_is_said_in_every_type_with_its_unit_and_nothing_where_all_was_stated() -> None:
    about = replace(ABOUT, inputs=(Field(name="sigma", unit="counts", estimated=True), Field(name="fwhm")))
    answers = replace(ANSWERS, estimated={"sigma": np.float32([203.5, 198.25])})  # type: ignore[dict-item, arg-type]
    assert answers.part(1, 2).estimated["sigma"].tolist() == [198.25]
    written = {kind: write(answers, IDS, about) for kind, write in WRITERS.items()}
    said = json.loads(written["application/json"])
    assert [one["estimated"] for one in said["predictions"]] == [{"sigma": 203.5}, {"sigma": 198.25}]
    assert said["units"]["sigma"] == "counts"
    assert load(written["application/x-safetensors"])["estimated.sigma"].tolist() == [203.5, 198.25]
    table = Table.read(io.BytesIO(written["application/fits"]))
    assert table["estimated_sigma"].tolist() == [203.5, 198.25]
    assert str(table["estimated_sigma"].unit) == "ct"
    assert str(table["flux"].unit) == "100000 ct"
    for kind, write in WRITERS.items():
        assert b"estimated" not in write(ANSWERS, IDS, about), kind


@pytest.mark.parametrize(
    ("unit", "written"),
    [("1e5 counts", "10**5 count"), ("arcsec", "arcsec"), ("", ""), ("bounds per 0.01 σ", "")],
)
def test_units_are_written_as_fits_has_them(unit: str, written: str) -> None:
    assert fits_unit(unit) == written


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/*", "application/json"),
        ("application/fits", "application/fits"),
        ("text/html, application/fits;q=0.9, */*;q=0.1", "application/fits"),
        ("application/json;q=0.2, application/x-safetensors;q=0.8", "application/x-safetensors"),
    ],
)
def test_the_sender_says_which_type_the_answer_has(accept: str, kind: str) -> None:
    assert wanted(accept) == kind


@pytest.mark.parametrize("accept", ["text/html", "application/fits;q=0", "application/x-npz", "image/*", "a;q=x"])
def test_a_type_that_nobody_writes_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="must be one of application/json, application/x-safetensors"):
        wanted(accept)


def test_the_service_answers_in_the_type_that_is_accepted(client: TestClient) -> None:
    body = client.get("/example.json").content
    headers = {"Content-Type": "application/json"}
    said = {
        kind: client.post("/predict", content=body, headers={**headers, "Accept": kind})
        for kind in (*WRITERS, "text/css")
    }
    assert said.pop("text/css").status_code == 406
    assert all(answer.headers["content-type"] == kind for kind, answer in said.items())
    flux = json.loads(said["application/json"].content)["predictions"][0]["answer"]["posterior_flux"]
    assert load(said["application/x-safetensors"].content)["posterior_flux"][0] == np.float32(flux)
    table = Table.read(io.BytesIO(said["application/fits"].content))
    assert table["posterior_flux"][0] == np.float32(flux)


@pytest.mark.parametrize("ending", ["json", "npy", "safetensors", "fits"])
def test_a_body_of_any_type_may_leave_out_what_is_estimated(client: TestClient, ending: str) -> None:
    sent = client.get(f"/example.{ending}")
    body, query = sent.content, ""
    if ending == "json":
        document = json.loads(body)
        del document["images"][0]["sigma"]
        body = json.dumps(document).encode()
    elif ending == "npy":
        query = f"?psf_fwhm={client.get('/example.json').json()['images'][0]['psf_fwhm']}"
    elif ending == "safetensors":
        body = save({name: array for name, array in load(body).items() if name != "sigma"})
    else:
        with fits.open(io.BytesIO(body)) as hdus:
            del hdus["SCI"].header["SIGMA"]
            written = io.BytesIO()
            hdus.writeto(written)
        body = written.getvalue()
    (said,) = client.post(
        f"/predict{query}", content=body, headers={"Content-Type": sent.headers["content-type"]}
    ).json()["predictions"]
    stated = client.get("/example.json").json()["images"][0]["sigma"]
    assert said["estimated"]["sigma"] == pytest.approx(stated, rel=0.1)
    assert said["not_tested"][-1] == "sigma (estimated from the image)"


@pytest.mark.parametrize("kind", WRITERS)
def test_an_answer_that_is_doubted_is_written_in_every_type(client: TestClient, kind: str) -> None:
    body = client.get("/doubtful.json").content
    answer = client.post("/predict", content=body, headers={"Content-Type": "application/json", "Accept": kind})
    assert answer.status_code == 200, answer.text
