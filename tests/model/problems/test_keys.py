"""What each result of galaxy-shape rests on: all that decides it, and nothing else."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.core.code import HOUSE, EntryPoint, code_of
from components.core.settings import ProblemSettings
from components.fields.problem import Problem
from models.estimators.saved import answering_modules


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of this house's code."""
    for folder in ("components", "models"):
        shutil.copytree(HOUSE / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def keys(root: Path, problem: Problem, settings: ProblemSettings) -> dict[str, Mapping[str, str]]:
    """The code behind each kind of result."""
    sources = problem.sources(settings.simulate)
    entries: dict[str, tuple[EntryPoint, ...]] = {
        "simulation": sources.simulation,
        "training": ("components.training.run", "models.networks.cnn", *sources.training),
        "evaluation": (*answering_modules({"network": "cnn"}), *sources.evaluation),
        "reference": sources.reference,
    }
    return {kind: code_of(*of, unused=sources.unused, root=root).digests for kind, of in entries.items()}


def test_nothing_that_decides_a_result_is_missing_from_its_key(problem: Problem, settings: ProblemSettings) -> None:
    found = keys(HOUSE, problem, settings)
    drawing = {"sersic", "k_grid", "sersic_parameters", "sersic_tables"}
    assert drawing | {"sersic_prior", "sersic_drawing", "sersic_shards", "bounds", "splits"} <= set(found["simulation"])
    assert drawing | {"scoring", "bias", "pixel_noise", "trainer", "batches", "cnn", "scales"} <= set(found["training"])
    assert drawing | {"posterior", "sersic_posterior", "sersic_prior", "bounds", "scoring"} <= set(found["reference"])
    assert set(found["simulation"]) | set(found["reference"]) | {"gathering", "cnn"} <= set(found["evaluation"])
    for kind, digests in found.items():
        assert not {"residual", "unet", "autoencoder", "plots"} & set(digests), f"{kind} does not use that"
    assert not {"scoring", "trainer", "galsim_sersics"} & set(found["simulation"])


def test_another_network_and_another_problem_change_no_key(
    house: Path, problem: Problem, settings: ProblemSettings
) -> None:
    before = keys(house, problem, settings)
    assert before == keys(HOUSE, problem, settings)
    (house / "models" / "networks" / "newer.py").write_text('__label__ = "newer"\nNETWORK = object\n')
    registered = house / "components" / "problems" / "__init__.py"
    text = registered.read_text()
    registered.write_text(text.replace("_CLASSES = {", '_CLASSES = {"newer": "newer:Newer", '))
    assert registered.read_text() != text
    assert keys(house, problem, settings) == before


def test_a_renamed_module_changes_no_key_and_a_changed_constant_every_key_that_rests_on_it(
    house: Path, problem: Problem, settings: ProblemSettings
) -> None:
    before = keys(house, problem, settings)
    galaxies = house / "models" / "galaxies"
    (galaxies / "tables.py").rename(galaxies / "profiles.py")
    for path in house.rglob("*.py"):
        path.write_text(path.read_text().replace("models.galaxies.tables", "models.galaxies.profiles"))
    assert keys(house, problem, settings) == before
    text = (galaxies / "profiles.py").read_text()
    (galaxies / "profiles.py").write_text(text.replace("_TERMS = 28", "_TERMS = 30"))
    after = keys(house, problem, settings)
    changed = {kind: {label for label in after[kind] if after[kind][label] != before[kind][label]} for kind in before}
    assert changed == {kind: {"sersic_tables"} for kind in before}
