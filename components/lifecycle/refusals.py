"""What was refused once: by what it was judged, so that the same is not judged, refused and told of every night.

    judged = judged_by(problem, settings, description, dataset.digest, production)
    raise told_once(ledger, refusal, kept)                         # a KnownRefusalError where it is no news
    refused_before(ledger, "galaxy-shape")                         # {(weights, judged): Refusal}

A verdict on what was measured lasts: the schedule does not train again what it would be given on. What may pass (a
tree with changes, a proof on a busy machine, a busy machine's timings) is told of once a commit, and tried again.
Whoever asks for a promotion is judged anew in any case.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.core import AssayError, ProblemSettings, RefusedError, settings_values, value_digest
from components.evidence import evaluation_inputs, honesty_inputs
from components.fields import Problem
from components.gates import GateResult, Verdict
from components.ledger import Entry, Ledger, Refusal

_TIMED = "milliseconds."


class KnownRefusalError(RefusedError):
    """The same weights were refused by the same before, and everybody was told."""


def judged_by(
    problem: Problem, settings: ProblemSettings, description: Mapping[str, Any], data: str, production: Entry | None
) -> str:
    """Digest of what a version is judged by: the rules, all that its evidence rests on, and who is in production.

    Args:
        problem: whose model it is.
        settings: with the rules.
        description: the model's, as `models.estimators.saved` keeps it.
        data: digest of the dataset that it is judged on.
        production: the entry of the version that it is compared with.
    """
    return value_digest(
        {
            "gates": settings_values(settings.gates),
            "champion": production.weights_sha256 if production else None,
            "evaluation": evaluation_inputs(problem, description, data, settings),
            "honesty": honesty_inputs(problem, description, settings) if settings.honesty else None,
        }
    )


def lasts(results: Sequence[GateResult]) -> bool:
    """Whether asking again gives the same verdict: a value that does not depend on the hour did not pass."""
    return any(
        result.verdict is not Verdict.PASS and result.value is not None and not result.metric.startswith(_TIMED)
        for result in results
    )


def may_pass(judged: str, commit: str, what: Sequence[str]) -> str:
    """In place of `judged_by` for a refusal that need not last.

    Args:
        judged: of the version.
        commit: of today's code.
        what: the gates that did not pass, or the part of a promotion that refused.
    """
    return value_digest({"judged": judged, "commit": commit, "what": sorted(what)})


def told_once(ledger: Ledger, refused: AssayError, refusal: Refusal) -> AssayError:
    """Keep a refusal; what to raise of it: itself, or a `KnownRefusalError` where the same was kept before."""
    return refused if ledger.refusals.add(refusal) else KnownRefusalError(str(refused))


def refused_before(ledger: Ledger, problem: str) -> Mapping[tuple[str, str], Refusal]:
    """The latest refusal of each network by what it was judged by: SHA-256 of its weights, and `judged_by`."""
    return {(refusal.weights_sha256, refusal.rules): refusal for refusal in ledger.refusals.of(problem)}
