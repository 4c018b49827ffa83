"""Gates refuse what they should, and whatever they cannot judge."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import RefusedError
from components.evaluation import Evidence
from components.gates import Verdict, judge, judge_challenger, require_pass
from components.problems.base import Metric, Report
from components.settings import GateRule

NAN = float("nan")
RULE = GateRule(metric="ratio", min=0.8, max=1.5)


def evidence(
    metric: Metric | None = None, losses: "np.ndarray[tuple[int], np.dtype[np.float64]] | None" = None
) -> Evidence:
    return Evidence(
        folder=Path("nowhere"),
        key="key",
        digest="digest",
        metrics={} if metric is None else {"ratio": metric},
        losses=np.ones(10) if losses is None else losses,
        report=Report(title="", columns=(), rows=()),
        trusted_region={},
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


def test_stale_evidence_fails_whatever_it_says() -> None:
    (result,) = judge([RULE], evidence(Metric(value=1.0, low=0.9, high=1.1)), expected_key="another key")
    assert result.verdict is Verdict.FAIL
    assert "stale" in result.reason


def test_no_rule_at_all_is_refused() -> None:
    with pytest.raises(RefusedError, match="no gate is defined"):
        require_pass([], what="version 1")


@given(
    value=st.floats(allow_nan=True, allow_infinity=True),
    half=st.floats(min_value=0, allow_nan=False, allow_infinity=True),
)
def test_what_passes_always_lies_within_the_limits(value: float, half: float) -> None:
    (result,) = judge([RULE], evidence(Metric(value=value, low=value - half, high=value + half)), expected_key="key")
    if result.verdict is Verdict.PASS:
        assert 0.8 <= value - half <= value + half <= 1.5


def losses(seed: int, count: int = 1000) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.random.default_rng(seed).gamma(2.0, 0.4, count)


def verdict_of(
    champion: "np.ndarray[tuple[int], np.dtype[np.float64]]", challenger: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> Verdict:
    return judge_challenger(champion, evidence(losses=challenger), margin=0.02, resamplings=500, seed=1).verdict


def test_challenger_passes_only_when_it_is_no_worse() -> None:
    champion = losses(0)
    jitter = 0.01 * np.random.default_rng(1).standard_normal(len(champion))
    assert verdict_of(champion, 0.9 * champion + jitter) is Verdict.PASS
    assert verdict_of(champion, champion) is Verdict.PASS
    assert verdict_of(champion, 1.02 * champion + jitter) is Verdict.FAIL
    assert verdict_of(champion, 2.0 * champion) is Verdict.FAIL


def test_challenger_that_cannot_be_told_apart_does_not_replace_production() -> None:
    """Another model of the same quality, on few images: its interval reaches beyond the margin."""
    assert verdict_of(losses(0, 60), losses(1, 60)) is not Verdict.PASS


@pytest.mark.parametrize(
    "challenger", [np.array([]), np.ones(9), np.full(10, NAN), np.array([1.0] * 9 + [float("inf")])]
)
def test_losses_that_cannot_be_compared_fail(challenger: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    assert verdict_of(np.ones(10), challenger) is Verdict.FAIL
