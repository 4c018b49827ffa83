"""An override is somebody's who may give one, and ends in time."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from components.core.errors import AssayError, RefusedError
from components.core.gate_settings import GateRule, GateSettings, Margins
from components.gates.overrides import Override, check_override

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


def test_an_override_without_a_name_or_a_reason_is_refused() -> None:
    for by, reason in (("", "first light"), (" ", "first light"), ("ada", " ")):
        with pytest.raises(AssayError, match="needs the name of a person and a reason"):
            Override(by=by, reason=reason, until=TODAY)
