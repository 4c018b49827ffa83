"""The ledger of a workspace, and the account that changes it.

ledger = open_ledger(workspace)
ledger.move(…, actor=whoami())
"""

import os
import pwd

from components.core import Workspace
from components.ledger.ledger import Ledger


def open_ledger(workspace: Workspace) -> Ledger:
    """The workspace's ledger, its tables made when it is new.

    Raises:
        AssayError: when they are of an older Assay, or of a newer one.
    """
    ledger = Ledger(workspace.database_url)
    ledger.create()
    return ledger


def whoami() -> str:
    """The account that stage changes are recorded under, whatever variables say of its name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in containers
        return f"user {os.getuid()}"
