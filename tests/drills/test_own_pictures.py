"""docs/own_pictures.md keeps its word: from a folder of pictures to a served model that restores them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from components.core.workspace import Workspace
from components.fields.pictures import read_picture
from components.problems import find_problem
from components.simulators.deep_fields import DeepFieldSettings
from tests.conftest import HOUSE, commit, make_house_with_code
from tests.drills.commands import assay, refused

pytestmark = pytest.mark.slow

NAME = "upsampling"
GUIDE = (HOUSE / "docs" / "own_pictures.md").read_text(encoding="utf-8")
SMALL: dict[str, Any] = {
    "simulate": {"height": 32, "width": 32, "validation_fraction": 0.1, "confirmation_fraction": 0.1},
    "train": {"epochs": 3, "width": 8},
    "search": {"trials": 1, "epochs": 1},
    "evaluate": {"failure_pictures": 4, "bootstrap": 100, "filter_pictures": 10},
}
"""What makes the guide's recipe one of seconds, in which a network need not be better than anything."""


@pytest.fixture
def house(tmp_path: Path) -> Workspace:
    """A clone with eighty pictures of its own and the section that the guide shows."""
    house = make_house_with_code(tmp_path / "house")
    params = yaml.safe_load((house.root / "params.yaml").read_text())
    section = params["problems"][NAME]
    drawn = section["simulate"]
    (shown,) = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)
    section |= yaml.safe_load(shown)
    for name, values in SMALL.items():
        section[name] |= values
    section["gates"]["staging"] = [
        rule | ({"min": -1.0} if rule["metric"].startswith("gain") else {}) for rule in section["gates"]["staging"]
    ]
    (house.root / "params.yaml").write_text(yaml.safe_dump(params))
    make_pictures(house.root / "pictures", drawn, 80)
    commit(house.root)
    return house


def make_pictures(folder: Path, fields: dict[str, Any], count: int) -> None:
    """Pictures as cameras save them, none of the size that a model is given."""
    settings = DeepFieldSettings(**{**fields, "count": 100, "height": 40, "width": 48})
    problem = find_problem(NAME)
    folder.mkdir()
    for number, picture in enumerate(problem.draw(settings, "train", range(count)).arrays["picture"]):
        levels = np.rint(255 * np.moveaxis(picture, 0, 2)).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"p{number:03d}.{'png' if number % 2 else 'jpg'}", quality=95)


@pytest.mark.timeout(600)
def test_the_guides_commands_lead_from_a_folder_to_a_picture_that_is_restored(house: Workspace, tmp_path: Path) -> None:
    said = [line.removeprefix("$ assay ") for line in GUIDE.splitlines() if line.startswith("$ assay ")]
    assert said == [
        f"run {NAME}", f"serve {NAME}", f"predict {NAME} galaxy.png --save answers"
    ]  # fmt: skip
    done = assay(house, "run", NAME)
    assert done.returncode == 0, done.stderr
    assert "9 × 9 filter" in done.stdout
    seen = Image.open(house.root / "pictures" / "p001.png").resize((8, 8), Image.Resampling.BILINEAR)
    seen.resize((32, 32), Image.Resampling.BILINEAR).save(house.root / "galaxy.png")
    answered = assay(house, "predict", NAME, "galaxy.png", "--save", "answers", "--json")
    assert answered.returncode == 0, answered.stderr
    (prediction,) = json.loads(answered.stdout)["predictions"]
    assert prediction["doubts"] == []
    restored = read_picture(house.root / "answers" / "galaxy.restored.png")
    np.testing.assert_allclose(np.moveaxis(restored, 2, 0), prediction["answer"]["restored"], atol=0.003)
    assert np.load(house.root / "answers" / "galaxy.restored_error.npy").shape == (3, 32, 32)

    (house.root / "pictures" / "p003.png").write_bytes(b"no picture")
    refused(assay(house, "run", NAME), "p003.png: cannot be read as a picture", "unreadable: skip")
    for number in range(40, 80):
        next((house.root / "pictures").glob(f"p{number:03d}.*")).unlink()
    (house.root / "pictures" / "p003.png").unlink()
    refused(assay(house, "run", NAME), "has 39 pictures: at least 50 are needed")
