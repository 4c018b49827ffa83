"""A problem that was begun is whole, and nothing is written over or written by half."""

import ast
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

from components.core.errors import AssayError
from components.core.params import load_settings
from components.problems import NAMES
from flows.commands.new_problem import write_problem
from tests.conftest import HOUSE


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("params.yaml", "components/problems/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((HOUSE / name).read_text())
    return tmp_path


def content(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_a_problem_is_four_files_and_leaves_the_others_as_they_were(clone: Path) -> None:
    before = content(clone)
    for name in ("my-problem", "another"):
        write_problem(clone, name)
    after = content(clone)
    assert set(after) - set(before) == {
        f"{folder}{name}.py"
        for name in ("my_problem", "another")
        for folder in ("components/problems/", "tests/model/problems/test_")
    }
    listed = ast.parse(after["components/problems/__init__.py"])
    classes = next(
        ast.literal_eval(line.value)
        for line in listed.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "_CLASSES"
    )
    assert classes["my-problem"] == "my_problem:MyProblem"
    assert [*classes] == [*NAMES, "my-problem", "another"]
    params, old = (yaml.safe_load(of["params.yaml"])["problems"] for of in (after, before))
    assert params["galaxy-shape"] == old["galaxy-shape"]
    assert set(params["another"]) == set(old["galaxy-shape"]) - {"sizes", "honesty"}
    assert set(before["params.yaml"].splitlines()) <= set(after["params.yaml"].splitlines())
    assert "class MyProblem(RegressionProblem)" in after["components/problems/my_problem.py"]


def test_a_problem_reads_the_settings_that_were_written_for_it(clone: Path) -> None:
    write_problem(clone, "mine")
    found = spec_from_file_location("mine", clone / "components" / "problems" / "mine.py")
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    settings = load_settings(clone / "params.yaml", "mine", module.Mine.settings)
    assert settings.evaluate.tested_bias == 0.5


def test_problems_need_not_be_the_last_in_params(clone: Path) -> None:
    (clone / "params.yaml").write_text(yaml.safe_dump(yaml.safe_load((clone / "params.yaml").read_text())))
    assert (clone / "params.yaml").read_text().rstrip().endswith("profile: local")
    write_problem(clone, "mine")
    params = yaml.safe_load((clone / "params.yaml").read_text())
    assert [*params["problems"]] == ["mine", *sorted(NAMES)]
    assert params["profile"] == "local"


@pytest.mark.parametrize("name", ["", "My-problem", "two words", "../up", "-x", "x-", "1st", "x_y"])
def test_what_is_no_name_is_refused_and_nothing_is_written(clone: Path, name: str) -> None:
    before = content(clone)
    with pytest.raises(AssayError, match="must be small letters, digits and hyphens"):
        write_problem(clone, name)
    assert content(clone) == before


@pytest.mark.parametrize("name", ["field", "shard", "any"])
def test_a_name_that_means_something_in_the_module_is_refused(clone: Path, name: str) -> None:
    with pytest.raises(AssayError, match=f"{name.capitalize()} means something else in its module"):
        write_problem(clone, name)


def test_what_is_there_is_not_written_over(clone: Path) -> None:
    with pytest.raises(AssayError, match="galaxy-shape is a problem already"):
        write_problem(clone, "galaxy-shape")
    (clone / "components" / "problems" / "mine.py").write_text("precious = True\n")
    before = content(clone)
    with pytest.raises(AssayError, match=r"mine\.py is there already"):
        write_problem(clone, "mine")
    assert content(clone) == before
    with pytest.raises(AssayError, match="has no components/problems: type this in a clone"):
        write_problem(clone / "components", "mine")


def test_one_that_was_killed_before_it_was_listed_is_written_again(clone: Path) -> None:
    listed = (clone / "components" / "problems" / "__init__.py").read_text()
    params = (clone / "params.yaml").read_text()
    write_problem(clone, "mine")
    whole = content(clone)
    for lost in ({}, {"params.yaml": params}):
        for name, text in {"components/problems/__init__.py": listed, **lost}.items():
            (clone / name).write_text(text)
        write_problem(clone, "mine")
        assert content(clone) == whole
