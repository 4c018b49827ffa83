"""What a refusal says: each result whole, one line for each that did not pass, and the first of them to a person."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import RefusedError
from components.core.gate_settings import GateRule, GateSettings, Margins
from components.evidence.confirmation import Confirmed
from components.evidence.evaluation import Evidence
from components.fields.evaluation import Loss, Metric, Report, no_metric
from components.gates.comparison import Against, compare
from components.gates.results import GateResult, Verdict, refusals, require_pass
from components.gates.rules import judge, judge_challenger, not_compared

RULE = GateRule(metric="ratio", min=0.8, max=1.5)
MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
WIDER = Margins(margin=0.03, slice_margin=0.15, nats_margin=0.06, nats_slice_margin=0.3)
SETTINGS = GateSettings(staging=(RULE,), production=(), fresh_images=1000, over_production=MARGINS, over_best=WIDER)
PRODUCTION, BEST = Against(who="champion", version=2), Against(who="best", version=1)


def evidence(metric: Metric | None, digest: str = "ours") -> Evidence:
    return Evidence(
        folder=Path("nowhere"),
        key="key",
        digest=digest,
        metrics={} if metric is None else {"ratio": metric},
        headline=(),
        summary="",
        losses=(),
        slices=np.full(0, "faint"),
        report=Report(title="", columns=(), rows=()),
        tested_range={},
    )


def result(
    verdict: Verdict,
    reason: str,
    metric: Metric | None,
    *,
    of: str = "ratio",
    limits: str = "0.8 to 1.5",
    digest: str = "ours",
    details: dict[str, str] | None = None,
) -> GateResult:
    value, low, high = (None, None, None) if metric is None else (metric.value, metric.low, metric.high)
    return GateResult(
        metric=of, value=value, low=low, high=high, limits=limits, verdict=verdict, reason=reason, evidence=digest,
        details=details or {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "verdict", "reason"),
    [
        ((0.9, 1.1), Verdict.PASS, "interval within the limits"),
        ((0.8, 1.5), Verdict.PASS, "interval within the limits"),  # limits belong to what is allowed
        ((1.5, 1.6), Verdict.INCONCLUSIVE, "interval reaches over a limit"),  # it may be at the limit still
        ((0.7, 0.8), Verdict.INCONCLUSIVE, "interval reaches over a limit"),
        ((0.7, 1.6), Verdict.INCONCLUSIVE, "interval reaches over a limit"),
        ((1.51, 1.6), Verdict.FAIL, "interval outside the limits"),
        ((0.7, 0.79), Verdict.FAIL, "interval outside the limits"),
    ],
)
def test_a_result_says_all_that_the_verdict_rests_on(ends: tuple[float, float], verdict: Verdict, reason: str) -> None:
    metric = Metric(value=sum(ends) / 2, low=ends[0], high=ends[1])
    assert judge([RULE], evidence(metric), expected_key="key") == [result(verdict, reason, metric)]


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (None, "the evaluation has no such metric"),
        (Metric(value=math.nan, low=0.9, high=1.1), "the metric is not finite"),
        (no_metric("slice faint is empty"), "slice faint is empty"),
    ],
)
def test_what_is_not_there_fails_and_says_why(metric: Metric | None, reason: str) -> None:
    assert judge([RULE], evidence(metric), expected_key="key") == [result(Verdict.FAIL, reason, None)]


def test_stale_evidence_fails_every_rule_by_its_name_and_limits() -> None:
    rules = [RULE, GateRule(metric="other", max=2), GateRule(metric="third", min=0.25)]
    stale = "stale evidence: weights, data, settings or code changed since"
    assert judge(rules, evidence(Metric(value=1.0, low=0.9, high=1.1)), expected_key="of today") == [
        result(Verdict.FAIL, stale, None),
        result(Verdict.FAIL, stale, None, of="other", limits="≤ 2"),
        result(Verdict.FAIL, stale, None, of="third", limits="≥ 0.25"),
    ]


def test_a_limit_on_one_side_leaves_the_other_open() -> None:
    large, small = Metric(value=1e9, low=1e9, high=1e9), Metric(value=-1e9, low=-1e9, high=-1e9)
    for rule, passes, fails, limits in (
        (GateRule(metric="ratio", min=0.8), large, small, "≥ 0.8"),
        (GateRule(metric="ratio", max=1.5), small, large, "≤ 1.5"),
    ):
        assert judge([rule], evidence(passes), expected_key="key") == [
            result(Verdict.PASS, "interval within the limits", passes, limits=limits)
        ]
        assert judge([rule], evidence(fails), expected_key="key") == [
            result(Verdict.FAIL, "interval outside the limits", fails, limits=limits)
        ]


@pytest.mark.parametrize(
    ("ours", "production", "ratio", "reason"),
    [
        (Metric(value=1.2, low=1.0, high=1.5), Metric(value=0.96, low=0.8, high=1.25), (1.25, 0.8, 1.875), ""),
        (no_metric("ours is missing"), Metric(value=1.0, low=0.8, high=1.25), None, "ours is missing"),
        (Metric(value=1.2, low=1.0, high=1.5), no_metric("theirs is missing"), None, "production's: theirs is missing"),
        (no_metric("ours is missing"), no_metric("theirs is missing"), None, "production's: theirs is missing"),
        (Metric(value=1.2, low=1.0, high=1.5), Metric(value=1.0, low=0.0, high=1.25), None, "the metric is not finite"),
        (Metric(value=1.2, low=0.0, high=1.5), Metric(value=1.0, low=0.8, high=1.25), None, "the metric is not finite"),
        (Metric(value=1.2, low=-1.0, high=1.5), Metric(value=1.0, low=0.8, high=2.0), None, "the metric is not finite"),
        (Metric(value=1.2, low=1.0, high=1.5), None, None, "production's evaluation has no such metric"),
    ],
)
def test_a_ratio_to_production_has_the_widest_interval_or_says_why_there_is_none(
    ours: Metric, production: Metric | None, ratio: tuple[float, float, float] | None, reason: str
) -> None:
    rule = GateRule(metric="ratio", max=2, max_over_production=1.9)
    _, relative = judge([rule], evidence(ours), expected_key="key", champion=evidence(production, "theirs"))
    limits, details = "≤ 1.9 × production's", {"champion": "theirs"}
    if ratio is None:
        assert relative == result(Verdict.FAIL, reason, None, limits=limits, details=details)
    else:
        metric = Metric(value=ratio[0], low=ratio[1], high=ratio[2])
        assert relative == result(Verdict.PASS, "interval within the limits", metric, limits=limits, details=details)


def confirmed(factor: float, digest: str, count: int = 1000) -> Confirmed:
    values = factor * np.random.default_rng(0).gamma(2.0, 0.4, count)
    slices = np.where(np.arange(count) % 2, "faint", "bright")
    return Confirmed(losses=(Loss(name="flux", values=values),), slices=slices, digest=digest, images={"seed": 4})


@pytest.mark.parametrize(("against", "margin"), [(PRODUCTION, MARGINS), (BEST, WIDER)])
@pytest.mark.parametrize("factor", [0.9, 1.2])
def test_a_verdict_on_a_challenger_says_its_deciding_cell_and_what_was_compared(
    against: Against, margin: Margins, factor: float
) -> None:
    theirs, ours = confirmed(1.0, "theirs"), confirmed(factor, "ours")
    found = compare(theirs.losses, ours.losses, (theirs.slices, ours.slices), margins=margin, resamplings=100, seed=3)
    cell, worse = found.deciding, factor > 1
    assert judge_challenger(theirs, ours, against, SETTINGS, resamplings=100, seed=3) == GateResult(
        metric=f"loss_over_{'production' if against is PRODUCTION else 'best'}.flux.{cell.slice}",
        value=cell.value,
        low=cell.low,
        high=cell.high,
        limits=f"≤ {margin.margin if cell.slice == 'all' else margin.slice_margin:g}",
        verdict=Verdict.FAIL if worse else Verdict.PASS,
        reason=f"{f'worse than {against}' if worse else 'better'}; could have seen {found.power.seen:.2g} in flux.all",
        evidence="ours",
        details={"version": against.version, "champion": "theirs", "images": {"seed": 4}, **found.as_json()},
    )


def test_what_nobody_can_say_is_inconclusive_and_says_against_whom() -> None:
    noisy = np.abs(np.random.default_rng(1).standard_normal(100))
    theirs, ours = confirmed(1.0, "theirs", 100), confirmed(1.0, "ours", 100)
    ours = Confirmed(losses=(Loss(name="flux", values=noisy),), slices=ours.slices, digest="ours", images={})
    found = judge_challenger(theirs, ours, BEST, SETTINGS, resamplings=100, seed=3)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason.startswith("not shown to be as good as version 1, the best in production so far; could have ")


@pytest.mark.parametrize(
    ("against", "metric", "limits", "whom"),
    [
        (PRODUCTION, "loss_over_production", "≤ 0.01", "production, version 2"),
        (BEST, "loss_over_best", "≤ 0.03", "version 1, the best in production so far"),
    ],
)
def test_what_cannot_be_compared_fails_by_the_reason(against: Against, metric: str, limits: str, whom: str) -> None:
    said = not_compared("its weights are gone", "ours", against, SETTINGS)
    reason = f"{whom} cannot be compared with: its weights are gone"
    assert said == result(Verdict.FAIL, reason, None, of=metric, limits=limits)
    few = judge_challenger(
        confirmed(1, "theirs", 20), confirmed(1, "ours", 20), against, SETTINGS, resamplings=9, seed=3
    )
    assert few.reason.startswith(f"{whom} cannot be compared with: all has 20 images, too few")
    assert (few.verdict, few.metric, few.limits, few.evidence) == (Verdict.FAIL, metric, limits, "ours")


PASSED = result(Verdict.PASS, "within", Metric(value=1.0, low=0.9, high=1.1))
FAILED = result(Verdict.FAIL, "outside", Metric(value=2.0, low=1.9, high=2.123456), limits="≤ 1.5")
OPEN = result(Verdict.INCONCLUSIVE, "reaches over", Metric(value=1.5, low=1.4, high=1.6), of="other", limits="≤ 1.5")
MISSING = result(Verdict.FAIL, "no such metric", None, limits="≥ 0.8")


def test_each_refusal_is_one_line_with_its_value_and_its_limits() -> None:
    assert refusals([PASSED, FAILED, PASSED, OPEN, MISSING]) == [
        "gate ratio fail: outside: 2 [1.9, 2.123], must be ≤ 1.5",
        "gate other inconclusive: reaches over: 1.5 [1.4, 1.6], must be ≤ 1.5",
        "gate ratio fail: no such metric: no value, must be ≥ 0.8",
    ]
    assert refusals([PASSED]) == []


@pytest.mark.parametrize(
    ("results", "line"),
    [
        ([], "no gate is defined, so none passed: add rules under gates in params.yaml"),
        ([PASSED, FAILED], "gate ratio fail: outside: 2 [1.9, 2.123], must be ≤ 1.5"),
        ([FAILED, PASSED, OPEN], "gate ratio fail: outside: 2 [1.9, 2.123], must be ≤ 1.5 (and 1 more)"),
        ([OPEN, FAILED, MISSING], "gate other inconclusive: reaches over: 1.5 [1.4, 1.6], must be ≤ 1.5 (and 2 more)"),
    ],
)
def test_the_first_refusal_is_what_a_person_reads(results: list[GateResult], line: str) -> None:
    with pytest.raises(RefusedError, match=f"^version 3: {re.escape(line)}$"):
        require_pass(results, what="version 3")


def test_the_ledger_keeps_a_result_as_json() -> None:
    kept = FAILED.as_json()
    assert json.loads(json.dumps(kept)) == {
        "metric": "ratio",
        "value": 2.0,
        "low": 1.9,
        "high": 2.123456,
        "limits": "≤ 1.5",
        "verdict": "fail",
        "reason": "outside",
        "evidence": "ours",
        "details": {},
    }
