"""Verdicts: what a gate says of a version, in which words it refuses, and that every one must pass.

result = refused("honesty", "measured", "nobody measured it", "")
require_pass(results, what="version 3 to production")   # raises RefusedError with the first that did not pass
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from components.core import RefusedError


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
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the verdict rests on, such as every cell of a comparison."""

    def as_json(self) -> dict[str, Any]:
        """The result as the ledger keeps it."""
        return asdict(self)


def refused(metric: str, limits: str, reason: str, evidence: str) -> GateResult:
    """The verdict on what is not there to be judged."""
    return GateResult(
        metric=metric,
        value=None,
        low=None,
        high=None,
        limits=limits,
        verdict=Verdict.FAIL,
        reason=reason,
        evidence=evidence,
    )


def refusals(results: Sequence[GateResult]) -> list[str]:
    """One line for each result that did not pass, with its value and its limits."""
    lines = []
    for result in results:
        if result.verdict is not Verdict.PASS:
            shown = "no value" if result.value is None else f"{result.value:.4g} [{result.low:.4g}, {result.high:.4g}]"
            lines.append(f"gate {result.metric} {result.verdict}: {result.reason}: {shown}, must be {result.limits}")
    return lines


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
    refused = refusals(results)
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise RefusedError(f"{what}: {refused[0]}{more}")
