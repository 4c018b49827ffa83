"""Gates refuse what they should, and whatever they cannot judge."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from components.core.errors import RefusedError
from components.core.gate_settings import GateRule, GateSettings, Margins
from components.evidence.confirmation import Confirmed
from components.evidence.evaluation import Evidence
from components.fields.evaluation import Loss, Metric, Report, no_metric
from components.gates.comparison import Against
from components.gates.results import GateResult, Verdict, require_pass
from components.gates.rules import LostEvidence, judge, judge_challenger
from components.gates.shown import RULES, rule_rows
from flows import console

NAN = float("nan")
RULE = GateRule(metric="ratio", min=0.8, max=1.5)


def evidence(metric: Metric | None = None) -> Evidence:
    return Evidence(
        folder=Path("nowhere"),
        key="key",
        digest="digest",
        metrics={} if metric is None else {"ratio": metric},
        headline=(),
        summary="",
        losses=(),
        slices=np.full(0, "snr20_40"),
        report=Report(title="", columns=(), rows=()),
        tested_range={},
    )


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [
        (Metric(value=1.0, low=0.9, high=1.1), Verdict.PASS),
        (Metric(value=2.0, low=1.9, high=2.1), Verdict.FAIL),
        (Metric(value=0.5, low=0.4, high=0.6), Verdict.FAIL),  # better than physics allows
        (Metric(value=1.5, low=1.4, high=1.6), Verdict.INCONCLUSIVE),
        (Metric(value=NAN, low=NAN, high=NAN), Verdict.FAIL),
        (Metric(value=1.0, low=NAN, high=1.1), Verdict.FAIL),
        (Metric(value=1.0, low=0.9, high=float("inf")), Verdict.FAIL),
        (None, Verdict.FAIL),
    ],
)
def test_a_rule_passes_only_a_finite_interval_within_its_limits(metric: Metric | None, verdict: Verdict) -> None:
    (result,) = judge([RULE], evidence(metric), expected_key="key")
    assert result.verdict is verdict
    if verdict is Verdict.PASS:
        require_pass([result], what="version 1")
    else:
        with pytest.raises(RefusedError, match=r"version 1: gate ratio"):
            require_pass([result], what="version 1")


def test_a_rule_that_passes_is_one_line_of_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
    rule = replace(RULE, min=-0.25, max=0.25)
    (judged,) = judge([rule], evidence(Metric(value=-0.05473, low=-0.07462, high=-0.03485)), expected_key="key")
    longest = replace(judged, metric="likelihood.bias_over_crb.snr20_40.log_score_over_exact")
    console.print_table("", RULES, rule_rows([longest]), dotted=True)
    heading, stem, row = capsys.readouterr().out.splitlines()
    assert heading.endswith("verdict")
    assert stem == "likelihood.bias_over_crb.snr20_40"
    assert row.split()[0] == "log_score_over_exact"
    assert row.endswith("-0.25 to 0.25  pass")


def test_stale_evidence_fails_whatever_it_says() -> None:
    (result,) = judge([RULE], evidence(Metric(value=1.0, low=0.9, high=1.1)), expected_key="another key")
    assert result.verdict is Verdict.FAIL
    assert "stale" in result.reason


def test_no_rule_at_all_is_refused() -> None:
    with pytest.raises(RefusedError, match="no gate is defined"):
        require_pass([], what="version 1")


@example(middle=1.0, half=0.2, scale=1.0)
@example(middle=1.0, half=NAN, scale=1.0)
@given(middle=st.floats(0, 3), half=st.floats(0, 1), scale=st.sampled_from([1.0, -1.0, 1e300, math.inf, NAN]))
def test_what_passes_is_exactly_what_lies_within_the_limits(middle: float, half: float, scale: float) -> None:
    metric = Metric(value=scale * middle, low=scale * middle - half, high=scale * middle + half)
    (result,) = judge([RULE], evidence(metric), expected_key="key")
    assert (result.verdict is Verdict.PASS) == (0.8 <= metric.low <= metric.high <= 1.5)


def test_limits_over_production_hold_the_widest_ratio_against_it_and_a_cap_holds_always() -> None:
    rule = GateRule(metric="ratio", max=2, max_over_production=1.5)
    ours = evidence(Metric(value=1.2, low=1.1, high=1.3))

    def verdict(production: Metric | None) -> Verdict:
        cap, relative = judge([rule], ours, expected_key="key", champion=evidence(production))
        assert (cap.limits, cap.verdict) == ("≤ 2", Verdict.PASS)
        assert relative.limits == "≤ 1.5 × production's"
        return relative.verdict

    (cap,) = judge([rule], ours, expected_key="key")  # nothing is in production yet
    assert cap.verdict is Verdict.PASS
    assert verdict(Metric(value=1.0, low=0.95, high=1.05)) is Verdict.PASS
    assert verdict(Metric(value=0.9, low=0.8, high=1.0)) is Verdict.INCONCLUSIVE
    assert verdict(Metric(value=0.5, low=0.45, high=0.55)) is Verdict.FAIL
    assert verdict(Metric(value=0.5, low=0.0, high=0.55)) is Verdict.FAIL
    assert verdict(Metric(value=NAN, low=NAN, high=NAN)) is Verdict.FAIL
    assert verdict(None) is Verdict.FAIL


def test_a_limit_over_production_fails_where_production_cannot_be_judged() -> None:
    """It is passed over where nothing is in production, and nowhere else."""
    rule = GateRule(metric="ratio", max=2, max_over_production=1.5)
    ours = evidence(Metric(value=1.2, low=1.1, high=1.3))

    def relative(champion: Evidence | LostEvidence) -> GateResult:
        cap, result = judge([rule], ours, expected_key="key", champion=champion)
        assert cap.verdict is Verdict.PASS
        assert (result.verdict, result.value, result.limits) == (Verdict.FAIL, None, "≤ 1.5 × production's")
        return result

    lost = relative(LostEvidence(of=PRODUCTION, reason="network = 'old'"))
    assert lost.reason == "production, version 2 cannot be evaluated: network = 'old'"
    assert (lost.metric, lost.evidence) == (rule.metric, ours.digest)
    assert relative(evidence()).reason == "production's evaluation has no such metric"
    for number in (NAN, math.inf):
        unheard_of = evidence(Metric(value=number, low=number, high=number))
        assert relative(unheard_of).reason == "production's: the metric is not finite"
    reason = "slice snr10_20 has 4 images, and 10 are needed"
    assert relative(evidence(no_metric(reason))).reason == f"production's: {reason}"
    (cap, own) = judge([rule], evidence(no_metric(reason)), expected_key="key", champion=ours)
    assert (cap.reason, own.reason) == (reason, reason)
    (_, none) = judge([rule], evidence(), expected_key="key", champion=ours)
    assert none.reason == "the evaluation has no such metric"


def test_version_after_version_a_third_worse_meets_the_cap() -> None:
    rule, level, promoted = GateRule(metric="ratio", max=2, max_over_production=1.5), 1.0, 0
    for _ in range(40):
        ours, theirs = (evidence(Metric(value=of, low=of, high=of)) for of in (1.3 * level, level))
        if any(of.verdict is not Verdict.PASS for of in judge([rule], ours, expected_key="key", champion=theirs)):
            break
        level, promoted = 1.3 * level, promoted + 1
    assert (promoted, level <= 2) == (2, True)


def test_what_could_not_be_measured_is_refused_by_its_reason() -> None:
    metric = no_metric("slice snr10_20 has 4 images, and 10 are needed")
    (result,) = judge([RULE], evidence(metric), expected_key="key")
    assert (result.verdict, result.reason) == (Verdict.FAIL, "slice snr10_20 has 4 images, and 10 are needed")


def test_a_package_has_its_own_metrics() -> None:
    rule = GateRule(metric="package.megabytes", max=50)
    size = {"package.megabytes": Metric(value=4, low=4, high=4)}
    assert judge([rule], evidence(), expected_key="key", package=size)[0].verdict is Verdict.PASS
    assert judge([rule], evidence(), expected_key="key")[0].verdict is Verdict.FAIL


def losses(count: int, factor: float = 1.0) -> Loss:
    values = np.random.default_rng(0).gamma(2.0, 0.4, count)
    jitter = 1 + 0.01 * np.random.default_rng(1).standard_normal(count)
    return Loss(name="flux", values=factor * values * (jitter if factor != 1 else 1))


MARGINS = Margins(margin=0.01, slice_margin=0.05, nats_margin=0.02, nats_slice_margin=0.1)
WIDER = Margins(margin=0.03, slice_margin=0.15, nats_margin=0.06, nats_slice_margin=0.3)
SETTINGS = GateSettings(staging=(RULE,), production=(), fresh_images=1000, over_production=MARGINS, over_best=WIDER)
PRODUCTION, BEST = Against(who="champion", version=2), Against(who="best", version=1)


def challenged(champion: Loss, challenger: Loss, against: Against = PRODUCTION) -> GateResult:
    ours, theirs = (
        Confirmed(losses=(loss,), slices=np.full(len(loss.values), "snr20_40"), digest=loss.name, images={"seed": 4})
        for loss in (challenger, champion)
    )
    return judge_challenger(theirs, ours, against, SETTINGS, resamplings=300, seed=1)


@pytest.mark.parametrize(
    ("factor", "verdict", "reason"),
    [
        (0.9, Verdict.PASS, "better"),
        (1.0, Verdict.PASS, "not worse"),
        (1.02, Verdict.FAIL, "worse than production, version 2"),
        (2.0, Verdict.FAIL, "worse than production, version 2"),
    ],
)
def test_challenger_passes_only_when_it_is_no_worse(factor: float, verdict: Verdict, reason: str) -> None:
    result = challenged(losses(1000), losses(1000, factor))
    assert (result.verdict, result.reason.partition(";")[0]) == (verdict, reason)
    assert re.search(r"; could have seen 0\.0\d+ in flux\.all$|; could have seen 0 in flux\.all$", result.reason)
    assert result.details["images"] == {"seed": 4}
    assert result.details["standing"] == reason.removesuffix(" than production, version 2")
    assert {cell["slice"] for cell in result.details["cells"]} == {"all", "snr20_40"}


@pytest.mark.parametrize(
    ("against", "scale", "margins"),
    [
        (PRODUCTION, "relative", (0.01, 0.05)),
        (PRODUCTION, "absolute", (0.02, 0.1)),
        (BEST, "relative", (0.03, 0.15)),
        (BEST, "absolute", (0.06, 0.3)),
    ],
)
def test_each_margin_is_that_of_its_own_cells(
    against: Against, scale: Literal["relative", "absolute"], margins: tuple[float, float]
) -> None:
    loss = replace(losses(1000), scale=scale)
    cells = {cell["slice"]: cell["margin"] for cell in challenged(loss, loss, against).details["cells"]}
    assert cells == dict(zip(("all", "snr20_40"), margins, strict=True))


def test_challenger_that_cannot_be_compared_fails() -> None:
    for losses_of_it in (losses(0), losses(999), replace(losses(1000), values=np.full(1000, NAN))):
        result = challenged(losses(1000), losses_of_it)
        assert (result.verdict, result.value) == (Verdict.FAIL, None)


def test_every_refusal_is_counted_and_the_first_is_named() -> None:
    rules = [GateRule(metric=name, max=1) for name in ("missing", "missing too")]
    with pytest.raises(RefusedError, match=r"gate missing fail: .* \(and 1 more\)"):
        require_pass(judge(rules, evidence(), expected_key="key"), what="version 1")
