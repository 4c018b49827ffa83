"""params.yaml: what is wrong in it is named, key and value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import ProblemSettings, settings_values
from components.problems import find_problem
from tests.conftest import HOUSE


def read(folder: Path, change: Callable[[dict[str, Any]], object], **options: Any) -> ProblemSettings:
    params = yaml.safe_load((HOUSE / "params.yaml").read_text(encoding="utf-8"))
    change(params["problems"]["galaxy-shape"])
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    return load_settings(path, "galaxy-shape", find_problem("galaxy-shape").settings, **options)


def test_the_house_params_are_valid_at_every_size(tmp_path: Path) -> None:
    demo = read(tmp_path, lambda _: None)
    full = read(tmp_path, lambda _: None, size="full")
    assert settings_values(full.simulate)["count"] > settings_values(demo.simulate)["count"]
    assert settings_values(full.evaluate)["reference_images"] >= 500
    assert full.gates == demo.gates


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s["train"].update(learnin_rate=1), ["problems.galaxy-shape.train.learnin_rate", "learning_rate?"]),
        (lambda s: s["simulate"].update(flx=[1, 2]), ["simulate.flx", "did you mean flux?"]),
        (lambda s: s.update(serch={}), ["galaxy-shape.serch", "did you mean search?"]),
        (lambda s: s["simulate"].update(count=0), ["simulate.count = 0", "greater than or equal to 100"]),
        (lambda s: s["simulate"].update(count="many"), ["simulate.count = 'many'", "integer"]),
        (lambda s: s["simulate"].update(flux=[4, 1]), ["flux = [4.0, 1.0]", "must not exceed"]),
        (lambda s: s["simulate"].update(n=[0.1, 6]), ["n = [0.1, 6.0]", "0.3 to 6.2"]),
        (lambda s: s["simulate"].update(sigma=[float("nan"), 400]), ["sigma", "finite"]),
        (lambda s: s["train"].update(learning_rate=-1), ["train.learning_rate = -1", "greater than 0"]),
        (lambda s: s["train"].pop("epochs"), ["train.epochs", "required"]),
        (lambda s: s["train"].update(epoch=s["train"].pop("epochs")), ["train.epoch:", "did you mean epochs?"]),
        (lambda s: s["simulate"].update(test_fraction=0.99), ["test_fraction", "below 1"]),
        (lambda s: s["search"]["space"].update(widht=[8, 16]), ["search.space.widht", "it has network, width"]),
        (lambda s: s["search"]["space"].update(width={"low": 16, "high": 8}), ["[16.0, 8.0]", "must not exceed"]),
        (
            lambda s: s["search"]["space"].update(width={"low": 0, "high": 8}),
            ["search.space.width = 0", "greater than 0"],
        ),
        (
            lambda s: s["search"]["space"].update(learning_rate={"low": 0, "high": 1, "log": True}),
            ["low = 0", "above 0 where log"],
        ),
        (lambda s: s["search"]["space"].update(network=[]), ["search.space.network"]),
        (lambda s: s["search"]["space"].update(width="wide"), ["search.space.width = 'wide'", "{low, high}"]),
        (lambda s: s["search"]["space"].update(width=[None]), ["search.space.width = None", "a list of values"]),
        (lambda s: s["search"]["space"].update(width=["wide"]), ["search.space.width = 'wide'", "integer"]),
        (lambda s: s["search"]["space"].update(width=["8", 16]), ["search.space.width = '8'", "write that"]),
        (lambda s: s["search"]["space"].update(learning_rate=["5e-4"]), ["learning_rate = '5e-4'", "as 0.0005"]),
        (
            lambda s: s["search"]["space"].update(learning_rate={"low": 1e-4, "hihg": 1e-2}),
            ["search.space.learning_rate.hihg", "did you mean high?"],
        ),
        (
            lambda s: s["search"]["space"].update(width={"low": 8, "high": 16, "step": 0.5}),
            ["search.space.width", "step = 0.5", "whole number"],
        ),
        (
            lambda s: s["search"]["space"].update(width={"low": 8, "high": 16, "step": 3}),
            ["search.space.width", "step = 3", "must lead from low = 8 to high = 16"],
        ),
        (lambda s: s["search"]["space"].update(epochs=[1, 2]), ["search.space.epochs", "set search.epochs"]),
        (lambda s: s["search"]["space"].update(processes=[1, 2]), ["search.space.processes", "search.workers"]),
        (lambda s: s["gates"]["staging"].append({"metric": "x"}), ["x has no min, max or max_over_production"]),
        (
            lambda s: s["gates"]["staging"].append({"metric": "x", "max": 3, "max_over_production": 2}),
            ["x has max_over_production", "put it under production"],
        ),
        (
            lambda s: s["gates"]["production"].append({"metric": "x", "max_over_production": 2}),
            ["x has max_over_production and no max", "give a max, too"],
        ),
        (
            lambda s: s["gates"]["over_best"].update(margin=0.001),
            ["over_best: margin = 0.001 is below that of over_production, 0.01", "give more"],
        ),
        (lambda s: s["gates"].update(staging=[]), ["gates.staging"]),
        (
            lambda s: s["gates"].update(staging=[{"metric": "package.megabytes", "max": 50}]),
            ["staging asks of the package alone", "add a rule over the evaluation"],
        ),
        (
            lambda s: s["gates"]["honesty"]["rules"].append({"metric": "package.megabytes", "max": 50}),
            ["package.megabytes", "no table of honesty has it", "put it under staging"],
        ),
        (lambda s: s["gates"].update(longest_override_days=0), ["gates.longest_override_days = 0", "greater than"]),
        (lambda s: s["gates"].update(longest_override_days=9999), ["longest_override_days = 9999", "less than", "366"]),
        (lambda s: s["gates"].update(may_override="ada"), ["gates.may_override = 'ada'", "tuple"]),
        (lambda s: s["gates"].update(may_override=[" "]), ["gates.may_override.0 = ' '", "at least 1 character"]),
    ],
)
def test_bad_values_are_named(tmp_path: Path, change: Callable[[dict[str, Any]], object], named: list[str]) -> None:
    with pytest.raises(AssayError) as error:
        read(tmp_path, change)
    assert "\n" not in str(error.value)
    for part in ["params.yaml", *named]:
        assert part in str(error.value)


def test_a_misspelt_key_of_a_size_is_named_too(tmp_path: Path) -> None:
    def change(section: dict[str, Any]) -> None:
        section["sizes"]["full"]["train"]["epoch"] = 3

    read(tmp_path, change)
    with pytest.raises(AssayError, match=r"train\.epoch: did you mean epochs\?"):
        read(tmp_path, change, size="full")


def test_unknown_size_and_broken_yaml_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match=r"no size .huge.*demo or full"):
        read(tmp_path, lambda _: None, size="huge")
    path = tmp_path / "params.yaml"
    path.write_text("problems:\n  galaxy-shape: [\n", encoding="utf-8")
    with pytest.raises(AssayError, match=r"params.yaml, line \d+: not valid YAML"):
        load_settings(path, "galaxy-shape", find_problem("galaxy-shape").settings)


def test_command_line_values_go_on_top_and_are_checked(tmp_path: Path) -> None:
    settings = read(tmp_path, lambda _: None, overrides={"simulate": {"count": 1234}})
    assert settings_values(settings.simulate)["count"] == 1234
    with pytest.raises(AssayError, match="--count 5: Input should be"):
        read(tmp_path, lambda _: None, overrides={"simulate": {"count": 5}})
