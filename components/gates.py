"""Gates: rules over an evaluation that say pass, fail or inconclusive, and refuse whatever they cannot judge.

    results = judge(settings.gates.staging, evidence, expected_key=...)
    results.append(judge_challenger(champion.losses, challenger.losses, margin, resamplings, seed))
    require_pass(results)         # raises RefusedError with the first rule that did not pass

A metric that is missing, NaN or infinite fails; so does evidence that was gathered from other inputs (stale).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from components.errors import RefusedError
from components.evaluation import Evidence
from components.settings import GateRule


class Verdict(StrEnum):
    """What a gate says; only `PASS` promotes."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One rule's verdict and all it was based on."""

    metric: str
    value: float | None
    """None when there is no finite value."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval."""
    limits: str
    """The limits in words."""
    verdict: Verdict
    reason: str
    evidence: str
    """Digest of the evidence that was judged."""

    def as_json(self) -> dict[str, Any]:
        """The result as the ledger keeps it."""
        return asdict(self)


def judge(rules: Sequence[GateRule], evidence: Evidence, *, expected_key: str) -> list[GateResult]:
    """Judge an evaluation by every rule.

    Args:
        rules: from params.yaml.
        evidence: what was measured.
        expected_key: the key that evidence of today's weights, data, settings and code would have.
    """
    stale = evidence.key != expected_key
    return [_stale(rule, evidence) if stale else _judge_rule(rule, evidence) for rule in rules]


def judge_challenger(
    champion: np.ndarray[Any, Any], challenger: Evidence, *, margin: float, resamplings: int, seed: int
) -> GateResult:
    """Whether a model may replace the one in production: no worse on the same images under the same noise.

    Both the mean loss must not be larger, and the 95 % interval of the paired, relative difference must end below
    the margin (percentile bootstrap, Efron & Tibshirani 1993, ch. 13).

    Args:
        champion: losses of the production model, shape (images,).
        challenger: evidence for the new model on the same images, in the same order.
        margin: largest relative excess of the loss that the interval may reach.
        resamplings: bootstrap resamplings.
        seed: of the bootstrap.
    """
    limits = f"≤ 0, interval ≤ {margin:g}"
    name = "loss_difference_to_production"
    ours = challenger.losses
    if len(ours) == 0 or len(ours) != len(champion):
        return _refused(name, limits, f"{len(ours)} and {len(champion)} losses cannot be compared", challenger)
    if not (np.all(np.isfinite(ours)) and np.all(np.isfinite(champion))):
        return _refused(name, limits, "some losses are not finite", challenger)
    rng = np.random.default_rng(seed)
    scale = float(np.mean(champion))
    difference = (ours - champion) / scale
    picks = rng.integers(len(difference), size=(resamplings, len(difference)))
    low, high = (float(end) for end in np.percentile(difference[picks].mean(axis=1), [2.5, 97.5]))
    value = float(difference.mean())
    if value <= 0 and high <= margin:
        verdict, reason = Verdict.PASS, "not worse than production"
    elif low > 0:
        verdict, reason = Verdict.FAIL, "worse than production"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, "not shown to be as good as production"
    return GateResult(
        metric=name,
        value=value,
        low=low,
        high=high,
        limits=limits,
        verdict=verdict,
        reason=reason,
        evidence=challenger.digest,
    )


def require_pass(results: Sequence[GateResult], *, what: str) -> None:
    """Raise unless there is at least one result and every one passed.

    Args:
        results: verdicts.
        what: the version, as the message names it.

    Raises:
        RefusedError: naming the first rule that did not pass, its value and its limits.
    """
    if not results:
        raise RefusedError(f"{what}: no gate is defined, so none passed: add rules under gates in params.yaml")
    for result in results:
        if result.verdict is not Verdict.PASS:
            shown = "no value" if result.value is None else f"{result.value:.4g} [{result.low:.4g}, {result.high:.4g}]"
            raise RefusedError(
                f"{what}: gate {result.metric} {result.verdict}: {result.reason}: {shown}, must be {result.limits}"
            )


def _judge_rule(rule: GateRule, evidence: Evidence) -> GateResult:
    limits = _limits(rule)
    metric = evidence.metrics.get(rule.metric)
    if metric is None:
        return _refused(rule.metric, limits, "the evaluation has no such metric", evidence)
    if not all(math.isfinite(number) for number in (metric.value, metric.low, metric.high)):
        return _refused(rule.metric, limits, "the metric is not finite", evidence)
    least = -math.inf if rule.min is None else rule.min
    most = math.inf if rule.max is None else rule.max
    if least <= metric.low and metric.high <= most:
        verdict, reason = Verdict.PASS, "interval within the limits"
    elif metric.high < least or metric.low > most:
        verdict, reason = Verdict.FAIL, "interval outside the limits"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, "interval reaches over a limit"
    return GateResult(
        metric=rule.metric,
        value=metric.value,
        low=metric.low,
        high=metric.high,
        limits=limits,
        verdict=verdict,
        reason=reason,
        evidence=evidence.digest,
    )


def _stale(rule: GateRule, evidence: Evidence) -> GateResult:
    return _refused(
        rule.metric, _limits(rule), "stale evidence: weights, data, settings or code changed since", evidence
    )


def _refused(metric: str, limits: str, reason: str, evidence: Evidence) -> GateResult:
    return GateResult(
        metric=metric,
        value=None,
        low=None,
        high=None,
        limits=limits,
        verdict=Verdict.FAIL,
        reason=reason,
        evidence=evidence.digest,
    )


def _limits(rule: GateRule) -> str:
    ends = [f"≥ {rule.min:g}" if rule.min is not None else "", f"≤ {rule.max:g}" if rule.max is not None else ""]
    return " and ".join(end for end in ends if end)
