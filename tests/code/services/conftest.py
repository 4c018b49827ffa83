"""A service of a small untrained model in this process, as its package would be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from components.packages.golden import make_golden, write_golden
from models.estimators.numbers import NumbersEstimator
from models.estimators.saved import save_model
from services import predictor, service
from services.verify import SUMS, sums
from tests import estimators
from tests.drills.packages import golden_inputs
from tests.estimators import TESTED_RANGE

CONFIG: dict[str, Any] = {
    **estimators.CONFIG,
    "conditions": [{**one, "estimated": one["name"] == "sigma"} for one in estimators.CONFIG["conditions"]],
    "outputs": [output for output in estimators.CONFIG["outputs"] if output["name"] in ("flux", "g1")],
}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package holds beside its code."""
    package = tmp_path_factory.mktemp("package")
    source = package / "src"
    torch.manual_seed(0)
    estimator = NumbersEstimator(CONFIG)
    weights = save_model(source / "model", estimator, {"problem": "galaxy-shape"})
    (source / "model" / "tested_range.json").write_text(json.dumps(TESTED_RANGE))
    write_golden(make_golden(estimator, golden_inputs(), TESTED_RANGE), source / "model" / "golden.safetensors")
    document = {
        "model": {"problem": "galaxy-shape", "version": 7, "weights_sha256": weights},
        "inputs": [field.as_json() for field in estimator.inputs],
        "outputs": [field.as_json() for field in estimator.outputs],
    }
    (source / "model" / "package.json").write_text(json.dumps(document))
    (package / SUMS).write_text(sums(package))
    return source


@pytest.fixture(scope="session")  # BentoML's metrics can be registered once in a process
def client(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        patch.setattr(predictor, "SOURCE", source)
        bento: Any = service.Service  # the decorator has made a bentoml.Service of the class
        with TestClient(bento.to_asgi(is_main=True), base_url="http://127.0.0.1:3000") as client:
            yield client
