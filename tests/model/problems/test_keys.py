"""What each result of galaxy-shape rests on: what decides it, and no more."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.core.code import EntryPoint, code_of
from components.core.house import HOUSE
from components.core.settings import ProblemSettings
from components.data.shards import draw_shards
from components.evidence.asking import asking
from components.evidence.numbers.reference import posterior_reference
from components.fields.problem import Problem
from models.estimators.saved import answering_modules
from tests.estimators import CONFIG


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
        "simulation": (draw_shards, *sources.simulation),
        "training": ("components.training.run", *answering_modules(CONFIG), *sources.training),
        "evaluation": (asking, *answering_modules(CONFIG), *sources.evaluation),
        "reference": (posterior_reference, *sources.reference),
    }
    unused = (*sources.unused, "distributed")
    return {kind: code_of(*of, unused=unused, root=root).digests for kind, of in entries.items()}


def changed(before: dict[str, Mapping[str, str]], after: dict[str, Mapping[str, str]]) -> dict[str, set[str]]:
    """What has another digest, by kind of result."""
    assert {kind: set(of) for kind, of in before.items()} == {kind: set(of) for kind, of in after.items()}
    return {kind: {label for label in of if of[label] != after[kind][label]} for kind, of in before.items()}


def test_nothing_that_decides_a_result_is_missing_from_its_key(problem: Problem, settings: ProblemSettings) -> None:
    found = keys(HOUSE, problem, settings)
    drawing = {"sersic", "k_grid", "sersic_parameters", "sersic_tables"}
    assert drawing | {"sersic_prior", "sersic_drawing", "sersic_draws", "bounds", "splits"} <= set(found["simulation"])
    fitting = {"scoring", "fitting_library", "fitting_library/search.c", "fitting_library/fit.h"}
    assert drawing | fitting | {"trainer", "batches", "cnn", "scales"} <= set(found["training"])
    assert drawing | {"posterior", "sersic_posterior", "sersic_prior", "bounds", "scoring"} <= set(found["reference"])
    assert {"reference", "galaxy_shape.posterior"} <= set(found["reference"])
    assert {"galaxy_shape.present", "galaxy_shape.finish", "estimator", "scoring_training", "bias_training"} <= set(
        found["training"]
    )
    assert set(found["reference"]) | {"gathering", "cnn", "asking", "galaxy_failures"} <= set(found["evaluation"])
    departing = {"galaxy_failure_images", "galaxy_delivery", "galsim_departures", "detectability"}
    assert departing <= set(found["evaluation"])
    assert not {"scoring_training", "trainer", "sersic_draws"} & set(found["evaluation"])
    for kind, digests in found.items():
        assert not {"residual", "unet", "autoencoder", "plots"} & set(digests), f"{kind} does not use that"
    assert not {"scoring", "trainer", "galsim_sersics", "galsim_departures", "galaxy_training", "presenting"} & set(
        found["simulation"]
    )


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
    (galaxies / "profiles.py").write_text(text.replace("TERMS = 28", "TERMS = 30"))
    after = keys(house, problem, settings)
    assert changed(before, after) == {kind: {"sersic_tables"} for kind in before}


@pytest.mark.parametrize(
    ("text", "other", "kinds"),
    [
        (
            "return draw_galaxies(settings, split, rows)",
            "return draw_galaxies(settings, split, rows[1:])",
            {"simulation"},
        ),
        ('scored, {"scoring": scoring}', 'scored, {"steps": scoring}', {"training"}),
        ("samples=1024", "samples=64", {"reference", "evaluation"}),
        ('"flux": 1.0, "n": 3.0', '"flux": 1.0, "n": 3.1', {"evaluation"}),
        ("    truths = PARAMETERS\n", "    truths = PARAMETERS[:4]\n", {"evaluation", "reference"}),
        ("presentation.present(stored", "presentation.present(dict(stored)", {"training", "evaluation"}),
        ("most = settings.ellipticity[1]", "most = 2 * settings.ellipticity[1]", set()),
    ],
)
def test_a_change_within_the_problem_changes_the_keys_of_whoever_asks_for_it(
    house: Path, problem: Problem, settings: ProblemSettings, text: str, other: str, kinds: set[str]
) -> None:
    before = keys(house, problem, settings)
    path = house / "components" / "problems" / "galaxy_shape" / "problem.py"
    assert text in path.read_text()
    path.write_text(path.read_text().replace(text, other))
    found = changed(before, keys(house, problem, settings))
    assert {kind for kind, labels in found.items() if labels} == kinds


def test_what_a_member_asks_of_its_parent_counts(house: Path, problem: Problem, settings: ProblemSettings) -> None:
    """galaxy-shape's `sources` begins with `super().sources`, and so may any member begin."""
    path = house / "components" / "problems" / "galaxy_shape" / "problem.py"
    text = path.read_text()
    path.write_text(text.replace("return HEADLINE", "return super().headline() or HEADLINE"))
    assert path.read_text() != text
    before = keys(house, problem, settings)
    assert "regression.RegressionQuestions.headline" in before["evaluation"]
    parent = house / "components" / "evidence" / "numbers" / "regression.py"
    parent.write_text(parent.read_text().replace('f"rmse_over_{key}.test.{name}"', 'f"bias_over_{key}.test.{name}"'))
    found = changed(before, keys(house, problem, settings))
    assert "regression.RegressionQuestions.headline" in found["evaluation"]
