"""An override is somebody's who may give one, ends in time, and is kept with all that it overruled."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from components.core.errors import AssayError, RefusedError
from components.core.gate_settings import GateRule, GateSettings, Margins
from components.gates.overrides import Override, check_override, overruled
from components.gates.results import GateResult, Verdict

MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
SETTINGS = GateSettings(
    staging=(GateRule(metric="ratio", max=1),),
    production=(),
    fresh_images=1000,
    over_production=MARGINS,
    over_best=MARGINS,
)
TODAY = date(2026, 3, 1)


def check(until: date = TODAY, by: str = "ada", settings: GateSettings = SETTINGS) -> None:
    check_override(Override(by=by, reason="first light", until=until), settings, account="ada", today=TODAY)


def test_an_override_holds_from_today_to_the_latest_day_allowed() -> None:
    assert SETTINGS.longest_override_days == 90
    shorter = replace(SETTINGS, longest_override_days=7)
    for settings, latest in ((SETTINGS, date(2026, 5, 30)), (shorter, date(2026, 3, 8))):
        check(TODAY, settings=settings)
        check(latest, settings=settings)
        after = latest + timedelta(days=1)
        line = f"ends on {after}, and {latest} is the latest day allowed .*: give that day or an earlier one"
        with pytest.raises(RefusedError, match=line):
            check(after, settings=settings)
    with pytest.raises(RefusedError, match="ends on 9999-12-31, and 2026-05-30 is the latest day allowed"):
        check(date.max)
    with pytest.raises(RefusedError, match="ends on 2026-02-28, which is over: give a later day"):
        check(TODAY - timedelta(days=1))


def test_an_override_is_by_the_account_that_runs_the_command_or_by_who_is_listed() -> None:
    with pytest.raises(RefusedError, match="is by 'grace', who may not give one: give 'ada', or add the name to gates"):
        check(by="grace")
    listed = replace(SETTINGS, may_override=("grace", "ada", "alan"))
    for name in ("ada", "grace", "alan"):
        check(by=name, settings=listed)
    for name in ("Grace", "grac", "ada, grace"):
        with pytest.raises(RefusedError, match=f"is by '{name}', who .*: give 'ada' or 'grace' or 'alan', or add"):
            check(by=name, settings=listed)


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
