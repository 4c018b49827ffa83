"""`assay honesty`: its table is kept and shown, and promotions to production read it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import IntegrityError
from components.core.workspace import Workspace
from components.gates.results import GateResult, Verdict
from components.lifecycle.measurement import measure_version
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import LENIENT, NAME, evaluation_folder, mlflow_client, promote, promotion_of

pytestmark = [pytest.mark.slow, pytest.mark.ci]

METRIC = "grid.likelihood.rmse_over_biased_bound.flux"
PASSED = {"metric": METRIC, "max": 1e6}
UNHEARD_OF = {"metric": METRIC, "max": 1e-6}


def asked(house: Workspace, rule: dict[str, Any], *, required: bool = False, **changed: int) -> None:
    """Write a rule into the house's params.yaml, and how the table is measured."""
    gates = LENIENT["gates"] | {"honesty": {"required": required, "rules": [rule]}}
    write_params(house.root, LENIENT | {"gates": gates, "honesty": LENIENT["honesty"] | changed})


def measured(house: Workspace, version: int) -> None:
    promotion = promotion_of(house)
    measure_version(house, promotion.problem, promotion.settings, promotion.dataset, version)


def of_honesty(house: Workspace, version: int, *, champion: int | None = None) -> list[GateResult]:
    """The verdicts on its table alone; of a version that is compared with nothing, unless a champion is named."""
    found = promotion_of(house).judge.gates(version, "production", champion=champion, first=champion is None)
    return [result for result in found if result.metric in ("honesty", METRIC)]


@pytest.mark.house("promoted")
def test_the_command_keeps_a_table_and_shows_it_on_the_card(house: Workspace) -> None:
    asked(house, PASSED)
    done = assay_here(house, "honesty", NAME)
    assert done.returncode == 0, done.stderr
    assert "likelihood: m after response" in done.stdout
    again = json.loads(assay_here(house, "honesty", NAME, "1", "--json").stdout)
    assert again["digest"][:12] in done.stdout
    assert {"shear.posterior.m.all", METRIC} <= set(again["metrics"])
    folder = Path(again["folder"])
    assert {path.name for path in (folder / "plots").iterdir()} == {"bias-over-the-prior.png", "shear-bias.png"}
    pages = [card.read_text(encoding="utf-8") for card in house.evaluations(NAME).glob("*/card.html")]
    (page,) = (page for page in pages if "Bias over the prior" in page)
    assert "Multiplicative bias against the SNR" in page
    run = mlflow_client(house).get_model_version(NAME, "1").run_id
    kept = {file.path for file in mlflow_client(house).list_artifacts(run, "honesty")}
    assert {"honesty/evidence.json", "honesty/grid.parquet", "honesty/shear.parquet"} <= kept
    shown = (evaluation_folder(house, 1) / "card.html").read_text(encoding="utf-8")
    for words in (f"{NAME} version 1", "production since", "Bias over the prior"):
        assert words in shown
    again = assay_here(house, "card", NAME, "1", "--out", "card")
    assert again.returncode == 0, again.stderr
    assert "Bias over the prior" in (house.root / "card" / "card.html").read_text(encoding="utf-8")


@pytest.mark.house("promoted")
def test_a_challenger_of_a_measured_version_must_be_measured_and_pass(house: Workspace) -> None:
    asked(house, PASSED)
    assert of_honesty(house, 2, champion=1) == [], "nobody asks for what production has not either"
    measured(house, 1)
    assert promote(house, 2, "staging").returncode == 0
    shutil.rmtree(house.honesty(NAME))  # as on another machine
    refused(promote(house, 2, "production"), f"gate honesty fail: nobody measured it: type `assay honesty {NAME} 2`")
    measured(house, 2)
    (judged,) = of_honesty(house, 2)
    assert (judged.verdict, judged.metric) == (Verdict.PASS, METRIC)
    shutil.rmtree(house.honesty(NAME))  # as on another machine
    assert of_honesty(house, 2, champion=1)[0].verdict is Verdict.PASS
    assert len(list(house.honesty(NAME).glob("*/evidence.json"))) == 1
    asked(house, UNHEARD_OF)
    assert of_honesty(house, 2)[0].verdict is Verdict.FAIL
    asked(house, PASSED, noise_pairs=17)
    (stale,) = of_honesty(house, 2)
    assert (stale.verdict, stale.reason.partition(":")[0]) == (Verdict.FAIL, "the table is stale")


def test_the_first_version_needs_a_table_where_one_is_required(house: Workspace) -> None:
    asked(house, PASSED, required=True)
    assert promote(house, 1, "staging").returncode == 0
    refused(promote(house, 1, "production", "--first"), "gate honesty fail: nobody measured it")
    refused(assay_here(house, "honesty", NAME), "nothing in production: name a version")


@pytest.mark.house("promoted")
def test_a_table_that_was_changed_is_not_believed(house: Workspace) -> None:
    asked(house, PASSED)
    measured(house, 1)
    (metrics,) = house.honesty(NAME).glob("*/metrics.json")
    metrics.write_text(metrics.read_text(encoding="utf-8").replace('"value"', '"value" '), encoding="utf-8")
    with pytest.raises(IntegrityError, match="not what was written"):
        promotion_of(house).judge.gates(1, "production", champion=None, first=True)
