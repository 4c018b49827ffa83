"""The servers beside ours in `python -m benchmarks serving`: a plain BentoML one, and MLflow's own.

with plain_bentoml(package, folder) as url:
httpx.post(f"{url}/predict", json={"images": [{"image": [[…]], …}]})
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.core import free_port, running, wait_until_answers
from components.packages import Package

_PLAIN = """
import bentoml, numpy as np, sys, torch
from pathlib import Path
sys.path.insert(0, {source!r})
from models.estimators import load_model

@bentoml.service(workers=1)
class Plain:
    def __init__(self):
        self.model, _ = load_model(Path({source!r}) / "model")

    @bentoml.api
    def predict(self, images: list[dict]) -> list[dict]:
        names = images[0].keys()
        inputs = {{name: torch.tensor(np.array([image[name] for image in images], dtype=np.float32)) for name in names}}
        with torch.inference_mode():
            outputs = {{name: array.tolist() for name, array in self.model(inputs).items()}}
        return [{{name: rows[index] for name, rows in outputs.items()}} for index in range(len(images))]
"""


@contextmanager
def plain_bentoml(package: Package, folder: Path) -> Iterator[str]:
    """What somebody writes in an afternoon."""
    (folder / "plain.py").write_text(_PLAIN.format(source=str(package.source)))
    command = [sys.executable, "-m", "bentoml", "serve", "plain:Plain", "--host", "127.0.0.1", "--port"]
    with _server(command, folder, "/readyz", "plain") as url:
        yield url


@contextmanager
def mlflow_server(name: str, folder: Path) -> Iterator[str]:
    """The model that MLflow has, by MLflow's own server."""
    model = f"models:/{name}@production"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    with _server([*command, "--host", "127.0.0.1", "--port"], folder, "/ping", "mlflow") as url:
        yield url


@contextmanager
def _server(command: list[str], folder: Path, ready: str, name: str) -> Iterator[str]:
    port, log = free_port(), folder / f"{name}.log"
    found = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # MLflow calls uvicorn by name
    with running([*command, str(port)], log=log, cwd=folder, environment=found) as child:
        wait_until_answers(f"http://127.0.0.1:{port}{ready}", child, log=log)
        yield f"http://127.0.0.1:{port}"
