"""Ledgers on every database, and registries, for tests."""

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.workspace import Workspace
from components.ledger.ledger import Ledger
from components.registry.registry import Registry
from tests.code.registry.trained import Trained
from tests.databases import KINDS, new_database


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """As in a terminal: where the tests themselves run in the background, Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def ledger(url: str) -> Ledger:
    ledger = Ledger(url)
    ledger.create()
    ledger.create()
    return ledger


@pytest.fixture
def problem() -> str:
    """A name that no other test has used."""
    return f"galaxy-shape-{uuid.uuid4()}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, made once: each test gets a copy."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow.db'}")
        Registry(Workspace(root=root, home=root)).create()
    return root / "mlflow.db"


@pytest.fixture
def trained(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    trained = Trained(tmp_path)
    trained.workspace.home.mkdir()
    trained.workspace.data.mkdir()
    (trained.workspace.home / "mlflow.db").write_bytes(template.read_bytes())
    for name, value in trained.workspace.environment().items():
        monkeypatch.setenv(name, value)
    return trained
