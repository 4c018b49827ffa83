"""What tests of the ledger write into it."""

from typing import Any

FACTS: dict[str, Any] = {
    "action": "promote",
    "actor": "ada",
    "reason": "gates passed",
    "evidence": {"digest": "e"},
    "weights_sha256": "w",
}
