"""Gates: rules over an evaluation that say pass, fail or inconclusive, and refuse whatever they cannot judge.

    results = judge(settings.gates.staging, evidence, expected_key=...)
    results.append(judge_challenger(champion, challenger, against, settings.gates, resamplings=1000, seed=7))

A metric that is missing, NaN or infinite fails; so does evidence that was gathered from other inputs (stale).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.core import GateRule, GateSettings, Margins, RefusedError
from components.evidence import Confirmed, Evidence, HonestyTable
from components.fields import Metric
from components.gates.comparison import Against, Standing, compare
from components.gates.results import GateResult, Verdict, refused

_METRIC = {"champion": "loss_over_production", "best": "loss_over_best"}
COMPARED_WITH = "version"
"""Where the details of a comparison name the version compared with."""
_STALE = "stale evidence: weights, data, settings or code changed since"


@dataclass(frozen=True, kw_only=True)
class LostEvidence:
    """In place of the evidence for production, where it is held by a version that cannot be evaluated any more."""

    of: Against
    reason: str


def judge(
    rules: Sequence[GateRule],
    evidence: Evidence | HonestyTable,
    *,
    expected_key: str,
    champion: Evidence | LostEvidence | None = None,
    package: Mapping[str, Metric] | None = None,
) -> list[GateResult]:
    """Judge an evaluation by every rule.

    Args:
        rules: from params.yaml.
        evidence: what was measured.
        expected_key: the key that evidence of today's weights, data, settings and code would have.
        champion: the evidence for the version in production, for rules that are relative to it; they are passed over
            where it is None, which says that nothing is in production, and fail where it is lost.
        package: metrics of the package, which are not part of the evidence.
    """
    if evidence.key != expected_key:
        return [refused(rule.metric, _limits(rule), _STALE, evidence.digest) for rule in rules]
    metrics = {**evidence.metrics, **(package or {})}
    results = []
    for rule in rules:
        metric = metrics.get(rule.metric)
        if rule.min is not None or rule.max is not None:
            limits = (-math.inf if rule.min is None else rule.min, math.inf if rule.max is None else rule.max)
            results.append(_judge_metric(rule.metric, metric, limits, _limits(rule), evidence.digest))
        if rule.max_over_production is not None and champion is not None:
            results.append(_judge_ratio(rule.metric, metric, champion, rule.max_over_production, evidence.digest))
    return results


def judge_challenger(
    champion: Confirmed,
    challenger: Confirmed,
    against: Against,
    settings: GateSettings,
    *,
    resamplings: int,
    seed: int,
) -> GateResult:
    """Whether a model may take another's place: not worse on the same images; see `comparison.py`.

    Args:
        champion: what the other loses.
        challenger: what the new version loses.
        against: who the other is.
        settings: the margins.
        resamplings: bootstrap resamplings.
        seed: of the bootstrap.
    """
    try:
        comparison = compare(
            champion.losses,
            challenger.losses,
            (champion.slices, challenger.slices),
            margins=_margins(against, settings),
            resamplings=resamplings,
            seed=seed,
        )
    except RefusedError as error:
        return not_compared(str(error), challenger.digest, against, settings)
    cell, power = comparison.deciding, comparison.power
    verdict, reason = {
        Standing.WORSE: (Verdict.FAIL, f"worse than {against}"),
        Standing.INCONCLUSIVE: (Verdict.INCONCLUSIVE, f"not shown to be as good as {against}"),
    }.get(comparison.standing, (Verdict.PASS, f"{comparison.standing}"))
    return GateResult(
        metric=f"{_METRIC[against.who]}.{cell.name}",
        value=cell.value,
        low=cell.low,
        high=cell.high,
        limits=f"≤ {cell.margin:g}",
        verdict=verdict,
        reason=f"{reason}; could have seen {power.seen:.2g} in {power.name}",
        evidence=challenger.digest,
        details={
            COMPARED_WITH: against.version,
            "champion": champion.digest,
            "images": dict(champion.images),
            **comparison.as_json(),
        },
    )


def not_compared(reason: str, evidence: str, against: Against, settings: GateSettings) -> GateResult:
    """The verdict on a model that cannot be compared with another: it fails, and a person may overrule that."""
    limits = f"≤ {_margins(against, settings).margin:g}"
    return refused(_METRIC[against.who], limits, f"{against} cannot be compared with: {reason}", evidence)


def _margins(against: Against, settings: GateSettings) -> Margins:
    return settings.over_production if against.who == "champion" else settings.over_best


def _judge_ratio(
    name: str, ours: Metric | None, champion: Evidence | LostEvidence, most: float, evidence: str
) -> GateResult:
    said = f"≤ {most:g} × production's"
    if isinstance(champion, LostEvidence):
        return refused(name, said, f"{champion.of} cannot be evaluated: {champion.reason}", evidence)
    production = champion.metrics.get(name)
    if production is None:
        result = refused(name, said, "production's evaluation has no such metric", evidence)
    elif production.missing or not _is_finite(production):  # anything over infinity is 0, which passes
        result = refused(name, said, f"production's: {production.missing or 'the metric is not finite'}", evidence)
    else:
        result = _judge_metric(name, _ratio(ours, production), (-math.inf, most), said, evidence)
    return replace(result, details={"champion": champion.digest})


def _ratio(ours: Metric | None, production: Metric) -> Metric | None:
    """A metric over production's, with the widest interval that the two allow; ours where that is missing."""
    if ours is None or ours.missing:
        return ours
    if min(production.low, ours.low) <= 0:  # no ratio says anything then
        return Metric(value=math.nan, low=math.nan, high=math.nan)
    return Metric(value=ours.value / production.value, low=ours.low / production.high, high=ours.high / production.low)


def _judge_metric(
    name: str, metric: Metric | None, limits: tuple[float, float], said: str, evidence: str
) -> GateResult:
    if metric is None:
        return refused(name, said, "the evaluation has no such metric", evidence)
    if not _is_finite(metric):
        return refused(name, said, metric.missing or "the metric is not finite", evidence)
    least, most = limits
    if least <= metric.low <= metric.high <= most:
        verdict, reason = Verdict.PASS, "interval within the limits"
    elif metric.high < least or metric.low > most:
        verdict, reason = Verdict.FAIL, "interval outside the limits"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, "interval reaches over a limit"
    return GateResult(
        metric=name,
        value=metric.value,
        low=metric.low,
        high=metric.high,
        limits=said,
        verdict=verdict,
        reason=reason,
        evidence=evidence,
    )


def _is_finite(metric: Metric) -> bool:
    return all(math.isfinite(number) for number in (metric.value, metric.low, metric.high))


def _limits(rule: GateRule) -> str:
    if rule.min is not None and rule.max is not None:
        return f"{rule.min:g} to {rule.max:g}"
    return f"≤ {rule.max:g}" if rule.min is None else f"≥ {rule.min:g}"
