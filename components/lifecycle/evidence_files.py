"""The evidence that a promotion rests on goes to its version in MLflow, whole: a state folder is not kept for ever.

keep_evidence(registry, version, [of_version, of_production], registered="0123…")
fetch_registered(workspace, problem, 3)                                        # on a machine that did not make it
"""

from collections.abc import Sequence
from contextlib import suppress

from components.core import AssayError, Workspace
from components.evidence import Evidence, adopt_evaluation
from components.fields import Problem
from components.ledger import open_ledger, registered_tags
from components.registry import Registry

FOLDER = "evidence"
"""Of a version's files in MLflow; the evaluation that it was registered with is in `evaluation`."""


def keep_evidence(
    registry: Registry, problem: str, version: int, evidence: Sequence[Evidence], *, registered: str | None
) -> None:
    """Keep evaluations with a version, unless they are there.

    The losses of a comparison are not among them: who could look at them would choose models by them. What they are of
    stands in the verdict, so that they can be made again.

    Args:
        registry: where they go.
        problem: the registered model's name.
        version: whose promotion rests on them.
        evidence: its own evaluation, and that of the version in production where there is one.
        registered: digest of the evaluation that it was registered with, which is there.
    """
    for one in evidence:
        if one.digest != registered:
            registry.attach_whole(problem, version, one.folder, f"{FOLDER}/{one.digest[:16]}")


def fetch_registered(workspace: Workspace, problem: Problem, version: int) -> None:
    """Take the evaluation that a version was registered with from MLflow; where that has lost it, nothing happens.

    What it must be is the ledger's word: who can write files can write MLflow's tags, too.
    """
    recorded = registered_tags(open_ledger(workspace).history(problem.name)).get(version)
    with suppress(AssayError), Registry(workspace).evaluation(problem.name, version) as folder:
        if recorded is not None:
            adopt_evaluation(workspace, problem, folder, digest=recorded["evidence.digest"])
