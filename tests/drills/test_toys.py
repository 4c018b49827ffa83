"""A problem of each other kind goes through the whole chain: nothing that steps, packages and services do knows a task.

Each is put into a clone as CONTRIBUTING says; no other file of it is touched.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from components.core.workspace import Workspace
from tests.conftest import commit, make_house_with_code
from tests.drills.commands import assay
from tests.toys import TOYS, register


def changed(root: Path) -> set[str]:
    done = subprocess.run(
        ["git", "status", "--short", "--untracked-files=all"], cwd=root, capture_output=True, text=True, check=True
    )
    return {line.split()[-1] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_goes_from_its_simulator_to_a_served_prediction_and_back(name: str, tmp_path: Path) -> None:
    house: Workspace = make_house_with_code(tmp_path / "house")
    register(house.root, name)
    own = {f"components/problems/{name.replace('-', '_')}.py", "components/problems/__init__.py", "params.yaml"}
    assert changed(house.root) == own
    commit(house.root)

    done = assay(house, "run", name, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)["answer"]
    assert answer["model"]["problem"] == name
    (prediction,) = answer["predictions"]
    assert set(prediction["answer"]) == set(answer["units"])
    assert prediction["trusted"] is True

    (house.root / "noise.npy").parent.mkdir(exist_ok=True)
    np.save(house.root / "noise.npy", np.random.default_rng(0).normal(0, 50, (16, 16)))
    stated = ("--set", "sigma=1") if name == "blob-image" else ()
    asked = assay(house, "predict", name, "noise.npy", "--json", *stated)
    assert asked.returncode == 0, asked.stderr
    (doubted,) = json.loads(asked.stdout)["predictions"]
    assert "image loudness" in doubted["doubts"][0]

    due = assay(house, "retrain", name, "--check")
    assert due.returncode == 0, due.stdout + due.stderr
    assert not list((house.home / "serving").iterdir())
