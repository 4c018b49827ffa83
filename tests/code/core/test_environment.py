"""What children are told: nothing that misleads them, and no secret where strangers' data is read."""

import pytest

from components.core.environment import confined, undisturbed


def test_what_misleads_a_tool_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    found = undisturbed()
    assert not [name for name in found if name.startswith(("GIT_", "PYTHON"))]
    assert found["AWS_SECRET_ACCESS_KEY"] == "s3cret", "a tool may need its user's account"
    assert "PATH" in found


@pytest.mark.parametrize(
    "name",
    ["ASSAY_NOTIFY_SECRET", "ASSAY_SIGNING_KEY", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD", "PGPASSWORD",
     "GITHUB_TOKEN", "whatever", "PYTHONPATH", "GIT_DIR", "BENTOML_CONFIG", "http_proxy"],
)  # fmt: skip
def test_who_reads_what_strangers_send_inherits_no_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "s3cret")
    assert "s3cret" not in confined({"ASSAY_HOME": "/here"}).values()


def test_what_says_where_things_are_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "CUDA_VISIBLE_DEVICES", "ASSAY_DEVICE", "OMP_NUM_THREADS", "TZ"):
        monkeypatch.setenv(name, "kept")
        assert confined({})[name] == "kept"
    assert confined({"TZ": "UTC"})["TZ"] == "UTC"


def test_a_family_that_a_child_needs_is_this_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    ours = {"MLFLOW_TRACKING_URI": "sqlite:////here/mlflow.db"}
    assert confined(ours)["MLFLOW_TRACKING_URI"] == ours["MLFLOW_TRACKING_URI"]
    assert confined(ours, "MLFLOW_")["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
