"""docs/own_masks_and_labels.md keeps its word: from a folder of pictures with masks, or labels, to a served model."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from components.core.workspace import Workspace
from components.fields.randomness import row_seeds
from components.simulators.spirals import CLASSES, draw_spirals
from tests.conftest import HOUSE, commit, make_house_with_code
from tests.drills.commands import assay
from tests.model.problems.test_spiral_arms import small_settings

pytestmark = pytest.mark.slow

GUIDE = (HOUSE / "docs" / "own_masks_and_labels.md").read_text(encoding="utf-8")
SMALL: dict[str, Any] = {"train": {"epochs": 6, "width": 8}, "evaluate": {"bootstrap": 100}}
"""What makes the guide's recipe one of seconds, in which a network need not be better than a guess."""


def make_pictures(root: Path, *, spirals_only: bool, count: int = 200) -> None:
    """Bright galaxies as cameras save them, with masks and a table of labels."""
    bright = {"reference": 0.0, "size": 64, "contrast": [3, 5], "axis_ratio": [0.6, 1], "ringed": 0.0}
    drawn = small_settings(simulate=bright).simulate
    table, light, mask = draw_spirals(drawn, row_seeds([3], np.arange(count)), spirals_only=spirals_only)
    noise = np.random.default_rng(1).uniform(0, 0.03, light.shape)
    shown = np.arcsinh((light / light.max(axis=(1, 2), keepdims=True) + noise) / 0.05) / np.arcsinh(1.03 / 0.05)
    rows = ["picture,label"]
    for name, arrays in (("pictures", shown), ("masks", mask)):
        (root / name).mkdir()
        for row, levels in enumerate(arrays):
            Image.fromarray(np.rint(255 * levels).astype(np.uint8)).save(root / name / f"g{row:03d}.png")
    rows += [f"g{row:03d}.png,{CLASSES[kind]}" for row, kind in enumerate(table["class"])]
    (root / "pictures" / "labels.csv").write_text("\n".join(rows))


def house_of(folder: Path, name: str) -> Workspace:
    """A clone with the section that the guide shows, whose gates ask less."""
    house = make_house_with_code(folder)
    params = yaml.safe_load((house.root / "params.yaml").read_text())
    own = params["problems"][name]["sizes"]["own"]
    if name == "spiral-arms":
        (shown,) = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
        assert own["simulate"] == yaml.safe_load(shown)["simulate"], "the guide shows what params.yaml has"
    for part, values in SMALL.items():
        own[part] = {**own.get(part, {}), **values}
    own["gates"]["staging"] = [
        {"metric": rule["metric"], "min": -1.0} if "package" not in rule["metric"] else rule
        for rule in own["gates"]["staging"]
    ]
    (house.root / "params.yaml").write_text(yaml.safe_dump(params))
    make_pictures(house.root, spirals_only=name == "spiral-arms")
    commit(house.root)
    return house


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "answered"),
    [
        pytest.param("spiral-arms", "mask", marks=pytest.mark.ci),
        ("spiral-morphology", "probabilities"),
    ],
)
def test_the_guides_commands_lead_from_a_folder_to_an_answer(tmp_path: Path, name: str, answered: str) -> None:
    said = [line.removeprefix("$ assay ") for line in GUIDE.splitlines() if line.startswith("$ assay ")]
    assert said == [
        "run spiral-arms --size own", "serve spiral-arms", "predict spiral-arms galaxy.png --save answers",
    ]  # fmt: skip
    house = house_of(tmp_path / "house", name)
    done = assay(house, "run", name, "--size", "own")
    assert done.returncode == 0, done.stderr
    picture = house.root / "pictures" / "g001.png"
    asked = assay(house, "predict", name, str(picture), "--json")
    assert asked.returncode == 0, asked.stderr
    (prediction,) = json.loads(asked.stdout)["predictions"]
    found = np.array(prediction["answer"][answered])
    assert found.shape == ((64, 64) if answered == "mask" else (len(CLASSES),))
    if answered == "mask":
        saved = assay(house, "predict", name, str(picture), "--save", "answers")
        assert saved.returncode == 0, saved.stderr
        np.testing.assert_allclose(np.load(house.root / "answers" / "g001.mask.npy"), found, atol=1e-6)
        assert 0 < prediction["answer"]["threshold"] < 1
        assert prediction["answer"]["arm_flux_ratio_error"] > 0
