"""The Prefect API server's own process, which ends when nobody holds its lock any more.

python -m flows.server_process PORT USERS_LOCK         # started by `flows/server.py`
"""

import fcntl
import gc
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

from components.core import LOCALHOST

_PATIENCE_S = 10
"""How long requests may take that are under way at its end."""


def serve(port: str, users: Path) -> None:
    """Be the server until a signal comes or nobody holds ``users`` any more."""
    threading.Thread(target=_end_when_unused, args=(users,), daemon=True).start()
    os.environ.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", None)  # its log file is to say why it does not start
    os.environ["PREFECT_SERVER_UI_API_URL"] = f"http://{LOCALHOST}:{port}/api"  # its page would ask the usual port
    gc.set_threshold(50_000)  # a sixth of the start would be spent collecting what the imports keep
    sys.argv = ["prefect", "server", "start", "--host", LOCALHOST, "--port", port]
    runpy.run_module("prefect", run_name="__main__")


def _end_when_unused(users: Path) -> None:
    with users.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE_S)
        os._exit(1)  # a request that hangs must not keep it


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
