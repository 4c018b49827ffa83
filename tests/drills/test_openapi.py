"""The OpenAPI document is what the service does: requests made of it, good and bad, are answered as it says.

pytest -n0 -m slow tests/drills/test_openapi.py           # ten times as many
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
import torch
from schemathesis.checks import CHECKS, load_all_checks

from components.core.workspace import Workspace
from components.packages.building import build_package
from components.packages.serving import served
from models.estimators import build, save_model
from tests.drills.packages import LINEAGE

SIZE = 4
"""Pixels of a side: a document with images of 64 is as true, and nothing could be made of it at random."""
CONFIG: dict[str, Any] = {
    "kind": "image",
    "network": "small_unet",
    "width": 2,
    "size": SIZE,
    "unit": "counts",
    "noise": "sigma",
    "conditions": [{"name": "sigma", "unit": "counts", "mean": 0.0, "sd": 1.0}],
}
load_all_checks()
CONFORMANCE: Any = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("small")
    (root / "params.yaml").write_text("problems: {}\n")
    torch.manual_seed(0)
    save_model(root / "trained", build(CONFIG), {"problem": "toy"})
    workspace = Workspace(root=root, home=root / ".assay")
    package = build_package(
        workspace,
        model_folder=root / "trained",
        version=1,
        lineage=LINEAGE,
        tested_range={"inputs": {"image": [0.1, 20.0], "sigma": [100.0, 400.0]}},
        golden_inputs={"image": 200 * torch.randn(4, SIZE, SIZE), "sigma": torch.full((4,), 200.0)},
    )
    with served(workspace, package) as url:
        yield url


def asked(url: str, method: str, path: str, count: int, **how: Any) -> Counter[int]:
    """How often each status came of as many requests, each answer held against the document."""
    operation, seen = schemathesis.openapi.from_url(f"{url}/docs.json")[path][method], Counter[int]()

    @hypothesis.given(case=operation.as_strategy(**how))
    @hypothesis.settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=CONFORMANCE)

    ask()
    return seen


COUNTS = pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])


@COUNTS
def test_requests_as_the_document_has_them_are_answered_as_it_says(url: str, count: int) -> None:
    alone = asked(url, "POST", "/predict", count, query={}, media_type="application/json")
    assert alone[200] > count // 50, "most have numbers that no image has: some five in a hundred have not"
    assert set(alone) <= {200, 400}, "what no model can answer, such as an image of 1e300, is refused"
    assert set(asked(url, "POST", "/predict", count)) <= {200, 400}, "bodies of any bytes under every type, and a query"
    for path in ("/model", "/livez", "/readyz", "/metrics"):
        assert set(asked(url, "GET", path, count)) == {200}


@COUNTS
def test_requests_that_break_the_document_are_refused_in_a_line(url: str, count: int) -> None:
    seen = asked(url, "POST", "/predict", count, generation_mode=schemathesis.GenerationMode.NEGATIVE)
    assert set(seen) <= {400, 406, 413, 415}
    assert seen[400] > count // 4
