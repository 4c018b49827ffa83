"""What gates refused once: by what it was judged, so that the same is not judged, refused and told of every night.

    rules = rules_digest(settings, production)
    known = refused_before(ledger, "galaxy-shape", rules)          # {weights: Refusal}

Whoever asks for a promotion is judged anew; only the schedule goes by this.
"""

from collections.abc import Mapping

from components.core import ProblemSettings, settings_values, value_digest
from components.ledger import Entry, Ledger, Refusal


def rules_digest(settings: ProblemSettings, production: Entry | None) -> str:
    """Digest of what a version is judged by: the rules, and the network that is in production."""
    champion = production.weights_sha256 if production else None
    return value_digest({"gates": settings_values(settings.gates), "champion": champion})


def refused_before(ledger: Ledger, problem: str, rules: str) -> Mapping[str, Refusal]:
    """The latest refusal of each network that was judged by the same; by SHA-256 of its weights."""
    return {refusal.weights_sha256: refusal for refusal in ledger.refusals.of(problem) if refusal.rules == rules}
