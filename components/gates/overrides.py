"""A person's word against gates that did not pass, for some time.

override = Override(by="ada", reason="the survey starts today", until=date(2026, 12, 31))
check_override(override, settings.gates, account=whoami(), today=date(2026, 10, 1))   # raises RefusedError
entry_override = overruled(override, results)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from components.core import AssayError, GateSettings, RefusedError
from components.gates.results import GateResult, refusals


@dataclass(frozen=True, kw_only=True)
class Override:
    """A person's word against gates that did not pass, for some time."""

    by: str
    """Who answers for it."""
    reason: str
    until: date
    """The last day on which it holds; UTC."""

    def __post_init__(self) -> None:
        if not (self.by.strip() and self.reason.strip()):
            raise AssayError("an override needs the name of a person and a reason: give both")


def check_override(override: Override, settings: GateSettings, *, account: str, today: date) -> None:
    """Go on only with an override that somebody answers for who may, and that ends.

    Args:
        override: a person's word.
        settings: how long it may hold, and who may give it.
        account: who runs the command.
        today: by the ledger's clock.

    Raises:
        RefusedError: when its last day is over or too far away, or its name is nobody's who may.
    """
    if override.until < today:
        raise RefusedError(f"the override ends on {override.until}, which is over: give a later day")
    latest = today + timedelta(days=settings.longest_override_days)
    if override.until > latest:
        raise RefusedError(
            f"the override ends on {override.until}, and {latest} is the latest day allowed "
            f"(gates.longest_override_days = {settings.longest_override_days}): give that day or an earlier one"
        )
    allowed = dict.fromkeys((account, *settings.may_override))
    if override.by not in allowed:
        raise RefusedError(
            f"the override is by {override.by!r}, who may not give one: give {' or '.join(map(repr, allowed))}, or add "
            "the name to gates.may_override in params.yaml and commit it"
        )


def overruled(override: Override | None, results: Sequence[GateResult]) -> dict[str, Any] | None:
    """What the ledger keeps of an override; None where no gate had to be overruled."""
    refused = refusals(results)
    if override is None or not refused:
        return None
    return {
        "by": override.by,
        "reason": override.reason,
        "until": override.until.isoformat(),
        "overruled": refused,
    }
