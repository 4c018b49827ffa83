"""Whose registered models are: each mirrors one ledger, and says which, so that no other ledger changes it.

    check_owner(model, identity="…", heads={entry.head for entry in history}, uri="http://mlflow:5000")

Only this wing uses it. Two ledgers that mirrored themselves in one registered model would empty each other's aliases.
"""

from collections.abc import Collection

from components.core import AssayError, IntegrityError
from components.ledger import HEAD
from components.registry.reading import ModelInfo

OWNER = "ledger.id"
"""The tag of a registered model that names the ledger which it mirrors."""


def check_owner(model: ModelInfo, *, identity: str, heads: Collection[str], uri: str) -> None:
    """See that a registered model mirrors this ledger.

    Args:
        model: MLflow's.
        identity: of this ledger.
        heads: what each of its entries is called outside of it; by them a model from before owners is known again.
        uri: where MLflow is, for the message.

    Raises:
        IntegrityError: when it mirrors another ledger.
    """
    owner, head = model.tags.get(OWNER), model.tags.get(HEAD)
    if owner == identity or (owner is None and (head is None or head in heads)):
        return
    whose = f"ledger {owner[:12]}" if owner else f"a ledger whose entry {head.partition(' ')[0] if head else ''} is not"
    raise IntegrityError(
        f"the registered model {model.name} in MLflow at {uri} mirrors {whose}, and this is ledger {identity[:12]}",
        "set ASSAY_DATABASE_URL to that ledger's database to work with its models, or MLFLOW_TRACKING_URI to an MLflow "
        "of your own (unset, it is the state folder's)",
    )


def lost_model(problem: str, entries: int, uri: str) -> AssayError:
    """What to say of a ledger whose registered model MLflow does not know."""
    return AssayError(
        f"the ledger has {entries} entries of {problem}, and MLflow at {uri} knows no such model: its database was "
        "lost, or another MLflow is asked",
        "set MLFLOW_TRACKING_URI to the one that was used before (unset, it is the state folder's), or restore its "
        f"database from a backup; `assay rollback {problem}` works without it",
    )
