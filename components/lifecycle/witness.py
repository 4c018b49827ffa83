"""Whether a ledger is the newest one: MLflow is the witness, which is told of each entry and named the last one.

    why = unwitnessed(ledger, registry, "galaxy-shape")       # None: MLflow was asked, and the ledger has all of it

A ledger that was put back from a backup is whole in itself, and knows nothing of what was promoted since.
"""

from components.core import AssayError, IntegrityError
from components.ledger import Ledger
from components.registry import Registry


def unwitnessed(ledger: Ledger, registry: Registry, problem: str) -> AssayError | None:
    """See that a ledger is whole, and still has the entry that MLflow saw last.

    Returns:
        Why MLflow could not be asked; None when it was.

    Raises:
        IntegrityError: when an entry was changed or is gone, or MLflow mirrors another ledger.
    """
    try:
        # Read first: an entry that is written meanwhile would look like one that is gone.
        head = registry.ledger_head(problem)
    except IntegrityError:
        raise
    except AssayError as error:
        ledger.history(problem)
        return error
    ledger.check_reaches(problem, head)
    return None
