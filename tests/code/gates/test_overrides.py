"""A person's word is kept with all that it overruled, and nothing is kept where nothing had to be overruled."""

from datetime import date

import pytest

from components.core.errors import AssayError
from components.gates.overrides import Override, overruled
from components.gates.rules import GateResult, Verdict

OVERRIDE = Override(by="ada", reason="the survey starts today", until=date(2026, 12, 31))


def result(verdict: Verdict) -> GateResult:
    return GateResult(
        metric="ratio",
        value=2.0,
        low=1.9,
        high=2.1,
        limits="≤ 1.5",
        verdict=verdict,
        reason="outside",
        evidence="digest",
    )


def test_the_ledger_keeps_who_why_until_when_and_every_refusal() -> None:
    assert overruled(OVERRIDE, [result(Verdict.FAIL), result(Verdict.PASS), result(Verdict.INCONCLUSIVE)]) == {
        "by": "ada",
        "reason": "the survey starts today",
        "until": "2026-12-31",
        "overruled": [
            "gate ratio fail: outside: 2 [1.9, 2.1], must be ≤ 1.5",
            "gate ratio inconclusive: outside: 2 [1.9, 2.1], must be ≤ 1.5",
        ],
    }


def test_nothing_is_kept_where_all_passed_or_nobody_spoke() -> None:
    assert overruled(OVERRIDE, [result(Verdict.PASS)]) is None
    assert overruled(None, [result(Verdict.FAIL)]) is None
    assert overruled(None, []) is None


@pytest.mark.parametrize(("by", "reason"), [("", "a reason"), ("ada", ""), (" ", " "), ("ada", "\t")])
def test_an_override_without_a_name_or_a_reason_is_refused(by: str, reason: str) -> None:
    with pytest.raises(AssayError, match=r"^an override needs the name of a person and a reason: give both$"):
        Override(by=by, reason=reason, until=date(2026, 12, 31))
