"""A person's word against gates that did not pass, for some time.

override = Override(by="ada", reason="the survey starts today", until=date(2026, 12, 31))
entry_override = overruled(override, results)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from components.core import AssayError
from components.gates.rules import GateResult, refusals


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
