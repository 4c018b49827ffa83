"""What tells the state folders of all machines apart that share a server or a database.

tag = place_tag(workspace)
"""

import socket
import uuid

from filelock import FileLock

from components.core.digests import value_digest
from components.core.workspace import Workspace
from components.core.writing import write_whole

__label__ = None


def place_tag(workspace: Workspace) -> str:
    """The tag of a state folder on a machine: the machine's name, and a digest of that and the folder.

    What is drawn by chance and kept in the folder tells machines of one name with folders of one path apart, as
    containers have them; name and path tell a folder that was copied from its original.
    """
    kept, lock = workspace.home / "place", workspace.home / "locks" / "place.lock"
    for path in (kept, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not kept.exists():
            write_whole(kept, uuid.uuid4().hex)
    machine = socket.gethostname()
    place = {"machine": machine, "folder": str(workspace.home.resolve()), "drawn": kept.read_bytes().hex()}
    return f"{machine}-{value_digest(place)[:12]}"
