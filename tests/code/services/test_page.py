"""The page of a service: about its own model, with examples that are answered, and nothing that leaves the machine."""

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

OURS = ("/", "/page.css", "/page.js", "/example.json", "/doubtful.json", "/docs.json")


def test_the_page_names_the_model_and_its_fields_with_units_and_limits(client: TestClient) -> None:
    page = client.get("/").text
    assert "<h1>galaxy-shape, version 7</h1>" in page
    assert (
        "<td>sigma</td><td>a number</td><td></td><td>above 0, may be left out and is estimated from the image then</td>"
        in page
    )
    assert "A model that takes image, psf_fwhm," in page.replace("\n", " ")
    assert re.search(r'data-field="sigma"[^>]* placeholder="from the image"', page)
    assert "<td>image</td><td>64 × 64</td>" in page
    assert "<td>posterior_flux_error</td><td>a number</td><td>1e5 counts</td>" in page


@pytest.mark.parametrize("path", OURS)
def test_nothing_of_ours_names_another_machine(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    hosts = set(re.findall(r"//([\w.-]+\.[\w-]+)", answer.text))
    assert hosts <= {"127.0.0.1"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("GET", "/livez", 200), ("POST", "/predict", 400), ("POST", "/x", 404)],
)
def test_every_answer_tells_a_browser_to_ask_nobody_else(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect")} == {"'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_head_is_answered_without_the_page(client: TestClient) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(client.get("/").content)


@pytest.mark.parametrize(("path", "trusted"), [("/example.json", True), ("/doubtful.json", False)])
def test_the_examples_are_answered_as_they_say(client: TestClient, path: str, trusted: bool) -> None:
    (prediction,) = client.post("/predict", json=client.get(path).json()).json()["predictions"]
    assert prediction["in_tested_range"] is trusted


def test_the_openapi_document_has_an_example_of_each_type_that_is_answered(client: TestClient) -> None:
    document: dict[str, Any] = client.get("/docs.json").json()
    assert document["info"]["title"] == "galaxy-shape, version 7"
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    item = content["application/json"]["schema"]["properties"]["images"]["items"]
    assert 0 < item["properties"]["sigma"]["minimum"] < 1e-37
    assert item["required"] == ["image", "psf_fwhm"]
    assert item["properties"]["sigma"]["description"].endswith("may be left out and is estimated from the image then")
    answered = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    prediction = answered["properties"]["predictions"]["items"]
    assert set(prediction["properties"]["estimated"]["properties"]) == {"sigma"}
    assert "estimated" not in prediction["required"]
    said = content["application/json"]["examples"]["proved"]["value"]
    (first,) = client.post("/predict", json=said).json()["predictions"]
    kinds = ("application/x-npy", "application/x-safetensors", "application/fits")
    assert set(content) == {"application/json", *kinds}
    for kind in kinds:
        example = content[kind]["examples"]["proved"]
        sent = client.get(f"/{example['externalValue']}")
        assert sent.headers["content-type"] == kind
        address = re.search(r"(/predict\S*)'$", example["summary"])  # of the command that can be pasted
        assert address
        said = client.post(address[1], content=sent.content, headers={"Content-Type": kind}).json()
        (answered,) = said["predictions"]
        assert answered["answer"] == first["answer"]
        assert answered["doubts"] == first["doubts"]


def test_what_a_person_overruled_stands_on_the_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from services import predictor

    monkeypatch.setenv("ASSAY_OVERRIDE", "gates overruled by <ada>")
    page = predictor._pages()["/"][1].decode()
    assert "its gates did not pass: gates overruled by &lt;ada&gt;" in page
    assert "its gates did not pass" not in client.get("/").text
