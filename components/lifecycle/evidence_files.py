"""The evidence that a promotion rests on goes to its version in MLflow, whole: a state folder is not kept for ever.

keep_evidence(registry, history, version, evidence)
"""

from collections.abc import Sequence

from components.evidence import Evidence
from components.ledger import Entry, registered_tags
from components.registry import Registry

FOLDER = "evidence"
"""Of a version's files in MLflow; the evaluation that it was registered with is in `evaluation`."""


def keep_evidence(registry: Registry, problem: str, history: Sequence[Entry], version: int, evidence: Evidence) -> None:
    """Keep an evaluation with its version, unless an entry rests on it already, so that it is there.

    Args:
        registry: where it goes.
        problem: the registered model's name.
        history: the problem's entries.
        version: whose evaluation it is.
        evidence: the evaluation.
    """
    own = [entry for entry in history if entry.version == version]
    resting = {gate.get("evidence") for entry in own for gate in entry.evidence.get("gates", ())}
    registered = registered_tags(own).get(version, {}).get("evidence.digest")
    if evidence.digest not in {registered, *resting}:
        registry.attach(problem, version, evidence.folder, f"{FOLDER}/{evidence.digest[:16]}")
