"""Each stage asks its own rules of params.yaml: staging its own, production those and its own."""

from typing import Any

import pytest

from components.core.errors import AssayError
from components.core.workspace import Workspace
from components.gates.results import GateResult, Verdict
from components.ledger.opening import open_ledger
from tests.conftest import write_params
from tests.drills.commands import refused
from tests.drills.houses import LENIENT, NAME, promote, promotion_of

STAGING, PRODUCTION = "posterior.crps_over_crb.test", "posterior.energy_over_exact"


def ask(house: Workspace, *, staging: float, production: float) -> None:
    """The settings with one rule for each stage, and another on the package."""
    rules: dict[str, Any] = {
        "staging": [{"metric": STAGING, "max": staging}],
        "production": [{"metric": PRODUCTION, "max": production}, {"metric": "package.megabytes", "max": 1e6}],
    }
    write_params(house.root, LENIENT | {"gates": LENIENT["gates"] | rules})


def verdicts(results: list[GateResult]) -> dict[str, Verdict]:
    return {result.metric: result.verdict for result in results}


def test_a_rule_of_production_refuses_production_and_not_staging(house: Workspace) -> None:
    ask(house, staging=1e3, production=1e-3)
    assert promote(house, 1, "staging").returncode == 0
    entry = open_ledger(house).current(NAME)[1]
    assert [gate["metric"] for gate in entry.evidence["gates"]] == [STAGING]
    refused(promote(house, 1, "production", "--first"), f"gate {PRODUCTION} fail: interval outside the limits")
    assert open_ledger(house).stage_of(NAME, 1) == "staging"
    judge = promotion_of(house).judge
    assert verdicts(judge.gates(1, "staging", champion=None)) == {STAGING: Verdict.PASS}
    assert verdicts(judge.gates(1, "production", champion=None, first=True)) == {
        STAGING: Verdict.PASS,
        PRODUCTION: Verdict.FAIL,
    }
    ask(house, staging=1e3, production=1e3)
    assert promote(house, 1, "production", "--first").returncode == 0
    entry = open_ledger(house).current(NAME)[1]
    assert [gate["metric"] for gate in entry.evidence["gates"]] == [STAGING, PRODUCTION, "package.megabytes"]


def test_a_rule_of_staging_refuses_staging_and_is_asked_again_for_production(house: Workspace) -> None:
    ask(house, staging=1e-3, production=1e3)
    refused(promote(house, 1, "staging"), f"gate {STAGING} fail: interval outside the limits")
    ask(house, staging=1e3, production=1e3)
    assert promote(house, 1, "staging").returncode == 0
    ask(house, staging=1e-3, production=1e3)
    refused(promote(house, 1, "production", "--first"), f"gate {STAGING} fail: interval outside the limits")
    assert open_ledger(house).stage_of(NAME, 1) == "staging"


def test_no_version_is_compared_with_itself(house: Workspace) -> None:
    """It would be as good, and every limit over production's value would hold."""
    with pytest.raises(AssayError, match="version 1 cannot be compared with itself: name another version"):
        promotion_of(house).judge.gates(1, "production", champion=1)
