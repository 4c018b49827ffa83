"""The Prefect server under real processes: shared, ended by the last, and never left behind by a killed one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from components.core.processes import stop
from components.core.workspace import Workspace
from flows.server import DEFAULT_PORT

pytestmark = [pytest.mark.slow, pytest.mark.ci]

# Says the URL when it is in, then does what each line of its input says, until the input ends.
USER = """
import sys
from pathlib import Path
from components.core.workspace import Workspace
workspace = Workspace(root=Path(sys.argv[1]), home=Path(sys.argv[1]) / ".assay")
workspace.activate()
if sys.argv[2] == "imported":
    import prefect
from flows.crashed_runs import mark_crashed, run_tags
from flows.server import prefect_server
with prefect_server(workspace) as url:
    print(url, flush=True)
    for line in sys.stdin:
        if line == "flow\\n":
            from prefect import flow
            @flow
            def answer() -> int:
                return 42
            print(answer(), flush=True)
        elif line == "hang\\n":
            from prefect import flow, tags
            import time
            @flow
            def hang():
                print("hangs", flush=True)
                time.sleep(600)
            with tags(*run_tags(workspace, "galaxy-shape")):
                hang()
        else:
            print(mark_crashed(workspace, line.strip()), flush=True)
"""


class User:
    """A process inside a `prefect_server` block; with `url`, of a server that is not its state folder's own."""

    def __init__(self, root: Path, imported: str = "later", *, url: str | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(root), imported],
            cwd=Path(__file__).parents[2],
            env=environment
            | Workspace(root=root, home=root / ".assay").environment()
            | {"HOME": str(root / "user")}
            | ({"PREFECT_API_URL": url} if url else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def hears(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def told(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.hears()

    def leaves(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0

    def is_killed(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder for all tests here: a new database takes longer to make than all the rest."""
    root = tmp_path_factory.mktemp("house")
    (root / "user").mkdir()
    return root


@pytest.fixture
def enter(root: Path) -> Iterator[Callable[..., User]]:
    users = []

    def one(imported: str = "later", *, house: Path = root, url: str | None = None) -> User:
        users.append(User(house, imported, url=url))
        return users[-1]

    yield one
    for user in users:
        for stream in (user.process.stdin, user.process.stdout):
            assert stream is not None
            stream.close()
        stop(user.process)  # type: ignore[arg-type]  # text or bytes, it ends the same


def server_pid(root: Path) -> int:
    return int(json.loads((root / ".assay" / "prefect" / "server.json").read_text())["pid"])


def is_gone(pid: int, url: str) -> bool:
    alive = psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    try:
        httpx.get(f"{url}/health", trust_env=False)
    except httpx.TransportError:
        return not alive
    return False


def wait_until_gone(pid: int, url: str) -> None:
    deadline = time.monotonic() + 60
    while not is_gone(pid, url):
        assert time.monotonic() < deadline, f"server {pid} is still there"
        time.sleep(0.1)


def test_its_page_asks_it_and_not_whoever_has_the_usual_port(enter: Callable[..., User]) -> None:
    with ExitStack() as stack:
        with suppress(OSError):  # somebody has it already
            stack.enter_context(socket.create_server(("127.0.0.1", DEFAULT_PORT)))
        url = enter().hears()
        assert url != f"http://127.0.0.1:{DEFAULT_PORT}/api"
        assert httpx.get(f"{url.removesuffix('/api')}/ui-settings", trust_env=False).json()["api_url"] == url


def test_one_server_for_all_until_the_last_leaves_or_is_killed(enter: Callable[..., User], root: Path) -> None:
    first, second = enter(), enter("imported")  # both at once, on a fresh home
    url = first.hears()
    assert second.hears() == url
    pid = server_pid(root)
    assert first.told("flow") == second.told("flow") == "42"

    first.leaves()  # whether it had started the server or not
    assert second.told("flow") == "42"
    assert not is_gone(pid, url)

    assert second.told("hang") == "hangs"
    second.is_killed()
    wait_until_gone(pid, url)
    assert not psutil.pid_exists(pid) or not psutil.Process(pid).children()

    third = enter()  # the same database, after a kill
    url = third.hears()
    pid = server_pid(root)
    assert third.told("deblurring") == "0"
    assert third.told("galaxy-shape") == "1"
    assert third.told("galaxy-shape") == "0"

    third.leaves()
    assert is_gone(pid, url)  # without waiting
    assert list((root / "user").iterdir()) == []


def test_a_killed_server_is_replaced(enter: Callable[..., User], root: Path) -> None:
    first = enter()
    first.hears()
    pid = server_pid(root)
    os.kill(pid, signal.SIGKILL)
    second = enter()
    second.hears()
    assert server_pid(root) != pid
    assert second.told("flow") == "42"


def test_two_houses_on_one_server_leave_each_others_living_runs_alone(
    enter: Callable[..., User], root: Path, tmp_path: Path
) -> None:
    host = enter()
    url = host.hears()
    killed = enter()
    killed.hears()
    other, living = (enter(house=tmp_path, url=url) for _ in range(2))
    assert other.hears() == living.hears() == url
    assert killed.told("hang") == living.told("hang") == "hangs"
    killed.is_killed()
    assert host.told("galaxy-shape") == "1"
    assert host.told("galaxy-shape") == "0"  # what goes on elsewhere goes on
    living.is_killed()
    assert host.told("galaxy-shape") == "0"  # nobody here can know
    assert other.told("galaxy-shape") == "1"
