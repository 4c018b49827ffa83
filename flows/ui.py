"""Every tool's own dashboard on this state: MLflow, Prefect, Optuna, and the reports on data.

    run_dashboards(workspace)      # until Ctrl-C or SIGTERM

All listen on 127.0.0.1 only, as none of them asks for a password. ``python -m flows.ui PORT`` is the Optuna one.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from components.core import (
    LOCALHOST,
    AssayError,
    Workspace,
    check_port_is_free,
    confined,
    ended_by_signals,
    free_port,
    running,
    wait_until_answers,
)
from components.data import reports_folder
from components.registry import artifact_root
from flows import console
from flows.server import prefect_server

_OPTUNA_URL = "ASSAY_OPTUNA_URL"
_THEIRS = (_OPTUNA_URL, "MLFLOW_", "AWS_", "PG", "no_proxy", "NO_PROXY")
"""Variables that the dashboards need: where databases and files are, and the account for those elsewhere."""
_MODELS = "/#/models"
"""MLflow's page of registered models; by itself it opens on one for language models, which hides them."""
_MODE = "MLflow's menu is one for language models until `Model training` is chosen at its top left, once in a browser"
_LOOK_EVERY_S = 1


@dataclass(frozen=True, kw_only=True)
class DashboardPorts:
    """Where each dashboard listens when the port is free; a port in use is replaced by a free one."""

    mlflow: int = 5000
    prefect: int = 4200
    optuna: int = 8080
    data_docs: int = 8090


DEFAULT_PORTS = DashboardPorts()


@dataclass(frozen=True, kw_only=True)
class _Dashboard:
    name: str
    url: str
    child: "Popen[bytes]"
    log: Path


def run_dashboards(workspace: Workspace, *, ports: DashboardPorts = DEFAULT_PORTS, as_json: bool = False) -> None:
    """Show all dashboards until Ctrl-C or SIGTERM, and end them then.

    The environment must be active (`Workspace.activate`).

    Args:
        workspace: whose state they show.
        ports: where they listen if they can.
        as_json: print one JSON document, name to URL, instead of a table.

    Raises:
        AssayError: when one of them does not start, or ends.
    """
    from components.lifecycle import create_databases

    create_databases(workspace)  # two programs that make the same SQLite tables at once spoil them
    _set_environment(workspace)
    with ended_by_signals(), ExitStack() as stack:
        with console.waiting("starting the dashboards"):
            dashboards = [
                stack.enter_context(_dashboard(workspace, name, wanted, command, page))
                for name, wanted, command, page in _commands(workspace, ports)
            ]
            api = stack.enter_context(prefect_server(workspace, port=ports.prefect))
            for one in dashboards:
                wait_until_answers(one.url, one.child, log=one.log)
        urls = {one.name: one.url for one in dashboards} | {"prefect": api.removesuffix("/api")}
        if workspace.tracking_uri.startswith("http"):
            urls["mlflow"] = workspace.tracking_uri.rstrip("/") + _MODELS
        _print(urls, ports, as_json=as_json)
        while True:
            time.sleep(_LOOK_EVERY_S)
            for one in dashboards:
                if one.child.poll() is not None:
                    raise AssayError(f"{one.name} ended with status {one.child.returncode}: see {one.log}")


def _commands(workspace: Workspace, ports: DashboardPorts) -> Iterator[tuple[str, int, list[str], str]]:
    """Name, wanted port, command without its port, and page of each dashboard that is a child of ours."""
    if not workspace.tracking_uri.startswith("http"):  # else its server has the dashboard already
        mlflow = ["-m", "mlflow", "server", "--default-artifact-root", artifact_root(), "--no-serve-artifacts"]
        # One worker: each is a process of 250 MB, and one person looks at it.
        yield "mlflow", ports.mlflow, [*mlflow, "--host", LOCALHOST, "--workers", "1", "--port"], _MODELS
    yield "optuna", ports.optuna, ["-m", "flows.ui"], "/dashboard"
    docs = reports_folder(workspace.home)
    yield "data_docs", ports.data_docs, ["-m", "http.server", "--bind", LOCALHOST, "--directory", str(docs)], "/"


@contextmanager
def _dashboard(workspace: Workspace, name: str, wanted: int, command: list[str], page: str) -> Iterator[_Dashboard]:
    log = workspace.home / "logs" / f"{name}.log"
    port = _free(wanted)
    environment = confined(workspace.environment(), *_THEIRS)
    command = [sys.executable, *command, str(port)]
    with running(command, log=log, cwd=Path(__file__).parents[1], environment=environment) as child:
        yield _Dashboard(name=name, url=f"http://{LOCALHOST}:{port}{page}", child=child, log=log)


def _free(port: int) -> int:
    try:
        check_port_is_free(port)
    except AssayError:
        return free_port()
    return port


def _set_environment(workspace: Workspace) -> None:
    """Tell the children where the databases are: a URL may hold a password, and anyone can list command lines."""
    os.environ["MLFLOW_BACKEND_STORE_URI"] = workspace.tracking_uri
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # its job runners are six more processes
    os.environ[_OPTUNA_URL] = workspace.optuna_url


def _print(urls: dict[str, str], ports: DashboardPorts, *, as_json: bool) -> None:
    for name, url in urls.items():
        wanted = getattr(ports, name)
        if url.startswith(f"http://{LOCALHOST}:") and not url.startswith(f"http://{LOCALHOST}:{wanted}"):
            console.err.print(f"{name} is not on port {wanted}, which was in use or not asked for when it started")
    if as_json:
        console.print_json(urls)
    else:
        console.print_table("Ctrl-C ends them", ("dashboard", "URL"), list(urls.items()))
        console.out.print(_MODE)
    sys.stdout.flush()  # a program that reads the URLs waits for them while we go on


def _serve_optuna(port: int) -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    import optuna_dashboard

    class Server(ThreadingMixIn, WSGIServer):  # a page asks for several things at once
        daemon_threads = True

    make_server(LOCALHOST, port, optuna_dashboard.wsgi(os.environ[_OPTUNA_URL]), Server).serve_forever()


if __name__ == "__main__":
    _serve_optuna(int(sys.argv[1]))
