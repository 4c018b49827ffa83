"""The profile of params.yaml: what it needs of the environment, and what it changes."""

from pathlib import Path

import pytest

from components.core.errors import AssayError
from components.core.locks import DatabaseLock
from components.core.profile import is_cluster
from components.core.workspace import Workspace

SERVER = "postgresql+psycopg2://ada:s3cret@db.example.org/assay"
WHOLE = {
    "ASSAY_DATABASE_URL": SERVER,
    "ASSAY_OPTUNA_URL": SERVER,
    "MLFLOW_TRACKING_URI": "https://mlflow.example.org",
    "PREFECT_API_URL": "https://prefect.example.org/api",
}


@pytest.fixture
def cluster(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A house whose params.yaml says so, with every address set."""
    params = workspace.root / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("profile: local", "profile: cluster"))
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    return workspace


def test_the_profile_is_read_from_params_yaml_and_comments_are_none(tmp_path: Path) -> None:
    assert not is_cluster(tmp_path)
    path = tmp_path / "params.yaml"
    for text, said in (
        ("profile: local # or cluster\n", False),
        ("problems: {cluster: 1}\n", False),
        ("profile:   'cluster'\n", True),
    ):
        path.write_text(text, encoding="utf-8")
        assert is_cluster(tmp_path) == said, text
    path.write_text("profile: clusters # or cluster\n", encoding="utf-8")
    assert not is_cluster(tmp_path)
    path.write_text("profile: the cluster\n", encoding="utf-8")
    with pytest.raises(AssayError, match="profile = 'the cluster': must be local or cluster"):
        is_cluster(tmp_path)


def test_its_locks_are_in_the_ledgers_database(cluster: Workspace) -> None:
    cluster.prepare()
    found = (cluster.shared_lock("galaxy-shape.lock"), cluster.lock("galaxy-shape"))
    assert all(isinstance(lock, DatabaseLock) for lock in found)
    assert str(found[0]) == "galaxy-shape.lock in postgresql+psycopg2://db.example.org/assay"


@pytest.mark.parametrize("name", WHOLE)
def test_each_address_must_be_one_that_machines_share(
    cluster: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for wrong in ("", "sqlite:////tmp/x.db") if name != "PREFECT_API_URL" else ("",):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(AssayError, match=rf"profile: cluster, and {name} must name .*docs/cluster\.md") as refused:
            cluster.prepare()
        assert "\n" not in str(refused.value)
        assert "s3cret" not in str(refused.value)


def test_an_mlflow_that_is_a_database_needs_a_place_for_files(
    cluster: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SERVER)
    with pytest.raises(AssayError, match="ASSAY_ARTIFACT_ROOT must name"):
        cluster.prepare()
    monkeypatch.setenv("ASSAY_ARTIFACT_ROOT", "s3://assay/mlflow")
    with pytest.raises(AssayError, match=r"MLFLOW_TRACKING_URI and ASSAY_OPTUNA_URL name one database"):
        cluster.prepare()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{SERVER}_mlflow")
    cluster.prepare()
