"""A problem of each other kind goes through the whole chain: nothing that steps, packages and services do knows a task.

Each is put into a clone as CONTRIBUTING says; no other file of it is touched.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HOUSE, commit, make_house_with_code
from tests.drills.commands import environment
from tests.pictures import make_folder
from tests.toys import TOYS, register


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each toy's chain, by name; all in one clone."""
    house = make_house_with_code(tmp_path_factory.mktemp("toys") / "house")
    for name in TOYS:
        register(house.root, name)
    modules = {f"components/problems/{name.replace('-', '_')}.py" for name in TOYS}
    assert changed(house.root) == modules | {"components/problems/__init__.py", "params.yaml"}
    shutil.copytree(HOUSE / "tests" / "toys", house.root / "tests" / "toys")
    make_folder(house.root / "mine", 80)
    commit(house.root)
    done = subprocess.run(
        [sys.executable, "-m", "tests.toys.chain", *TOYS],
        cwd=house.root, env=environment(house), capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not list((house.home / "serving").iterdir())
    return {document["problem"]: document for document in map(json.loads, done.stdout.splitlines())}


def changed(root: Path) -> set[str]:
    """What git sees in a clone, from its root."""
    command = ["git", "status", "--short", "--untracked-files=all"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("blob-mask", {"mask": (16, 16)}),
        ("blob-image", {"restored": (16, 16), "restored_error": (16, 16)}),
        ("blob-class", {"probabilities": (2,)}),
        ("own-pictures", {"probabilities": (2,)}),
    ],
)
def test_a_toy_goes_from_its_simulator_to_a_served_answer(
    chained: dict[str, Any], name: str, outputs: dict[str, tuple[int, ...]]
) -> None:
    document = chained[name]
    assert document["version"] == 1
    answer = document["answer"]
    assert answer["model"]["problem"] == name
    assert set(answer["units"]) == set(outputs)
    usual, loud = answer["predictions"]
    for prediction in (usual, loud):
        assert {key: shape(value) for key, value in prediction["answer"].items()} == outputs
    assert usual["in_tested_range"] is True
    assert loud["in_tested_range"] is False
    assert "image loudness" in loud["doubts"][0]
    assert document["due"] == []


def shape(value: Any) -> tuple[int, ...]:
    return (len(value), *shape(value[0])) if isinstance(value, list) else ()
