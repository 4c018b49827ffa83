"""README.md and docs/ keep their word: their commands are those that exist, and each runs, in its order, in a house."""

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
import typer.main

from components.core.digests import file_sha256
from components.core.errors import AssayError
from components.core.processes import check_port_is_free
from components.core.workspace import Workspace
from flows import cli
from tests.conftest import HOUSE, SMALL, commit, make_house_with_code, write_params
from tests.drills.commands import assay, environment, refused

README = (HOUSE / "README.md").read_text(encoding="utf-8")
RUN = ("README.md", *(f"docs/{name}.md" for name in ("tutorial", "serving", "gamma_ray_skies", "pictures", "security")))
"""Whose commands are run here, in their order; the guides about own pictures have drills of their own."""
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(HOUSE)) for path in HOUSE.glob("docs/*.md")))

NOT_RUN = {
    "git clone ": "the house stands for the clone",
    "source ": "the environment of each command has the programs of .venv/bin already",
    "make run": "it is `assay run`, which has prepared the house",
    "make test": "it would run this test",
    "make clean": "the small house has no Makefile",
    "python -I verify.py": "it is drilled by `tests/code/services/test_verify.py`",
    "docker ": "the same in a container",
}
"""How the commands begin that are not run here, and why."""

BY_HAND = "## Checking a package with other tools"
"""A section whose commands are one script of a shell."""

READY = {
    "assay serve": r"answers at (http://\S+)",
    "assay schedule": r"dashboard (http://[^\s;]+)",
    "assay ui": r"^\s*prefect\s+(http://\S+)",
}
"""What the commands that run until Ctrl-C print when they are ready: their address."""

TO_PRODUCTION = "assay promote galaxy-shape 2 --to production"
REFUSALS = {
    "assay gates galaxy-shape 2": "gate loss_over_production",
    TO_PRODUCTION: "gate loss_over_production",
    "assay rollback": "no earlier good version",
}
"""What README.md allows to be refused, and the words of the refusal; the last only after the others."""

WEAK: Mapping[str, Mapping[str, Any]] = SMALL | {
    "search": SMALL["search"]
    | {"space": {"network": ["cnn"], "learning_rate": {"low": 1e-6, "high": 1e-6, "log": True}}},
    "train": SMALL["train"] | {"learning_rate": 1e-6},
}
BETTER: Mapping[str, Mapping[str, Any]] = SMALL | {"train": SMALL["train"] | {"epochs": 8}}
"""The second version is to replace the first, so that there is something to roll back."""


def shown_commands() -> list[str]:
    text = "\n".join((HOUSE / document).read_text(encoding="utf-8").partition(BY_HAND)[0] for document in RUN)
    return [line.removeprefix("$ ") for block in blocks(text) for line in block.splitlines() if line.startswith("$ ")]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```console\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def script_by_hand(package: Path) -> str:
    """The last section of docs/security.md, about a package."""
    (block,) = blocks((HOUSE / "docs" / "security.md").read_text(encoding="utf-8").partition(BY_HAND)[2])
    return re.sub(r"^\$ ", "", block, flags=re.MULTILINE).replace("PACKAGE", shlex.quote(str(package)))


def test_every_command_is_shown_and_every_shown_command_exists() -> None:
    exist = set(typer.main.get_group(cli.app).commands)
    assert {shlex.split(command)[1] for command in shown_commands() if command.startswith("assay ")} == exist
    for document in DOCUMENTS:
        text = (HOUSE / document).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:^\$ |`|\n    )assay ([a-z][a-z-]*)", text, flags=re.MULTILINE)) <= exist, document


def test_table_has_every_command_in_the_order_of_the_help() -> None:
    assert re.findall(r"^\| `assay ([a-z-]+)` \|", README, flags=re.MULTILINE) == list(
        typer.main.get_group(cli.app).commands
    )


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (HOUSE / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for document in DOCUMENTS:
        text = (HOUSE / document).read_text(encoding="utf-8")
        lines = re.findall(r"(?:^\$ |`)make ([a-z ]+)", text, flags=re.MULTILINE)
        assert lines or document not in ("README.md", "CONTRIBUTING.md")
        assert {target for line in lines for target in line.split()} <= targets, document


def test_every_linked_file_exists() -> None:
    for document in DOCUMENTS:
        text = (HOUSE / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((HOUSE / document).parent / target).is_file(), f"{document} links {target}"


def test_readme_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 160
    assert all(len(line) <= 120 for line in README.splitlines() if not line.startswith(("|", "$", "![")))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_command_runs_in_its_order(tmp_path: Path) -> None:
    try:
        check_port_is_free(3000)
    except AssayError as error:
        pytest.skip(f"README.md serves on the default port: {error}")
    house = make_house_with_code(tmp_path / "house")  # which `assay new-problem` adds to
    shutil.copytree(HOUSE / "examples", house.root / "examples")
    write_params(house.root, WEAK)
    first = assay(house, "run", "galaxy-shape")
    assert first.returncode == 0, first.stderr
    commit(house.root)  # with data.dvc, as a clone has it

    kept = False
    with ExitStack() as server:
        for command in shown_commands():
            if command.startswith(tuple(NOT_RUN)):
                continue
            if "--url" not in command and "http://" not in command and "answers.fits" not in command:
                server.close()  # nobody asks it any more
            if command.startswith("assay train"):
                write_params(house.root, BETTER)
            if command.startswith(tuple(READY)):
                url = server.enter_context(until_ctrl_c(house, command))
                assert httpx.get(url, follow_redirects=True, trust_env=False).status_code == 200, command
                continue
            done = run(house, command)
            allowed = [words for start, words in REFUSALS.items() if command.startswith(start)]
            if done.returncode == 1 and allowed and (kept or not command.startswith("assay rollback")):
                refused(done, *allowed)
                kept = kept or command.startswith(TO_PRODUCTION)
            else:
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
                assert "Traceback" not in done.stderr, command
    check_a_package_by_hand(house)


def check_a_package_by_hand(house: Workspace) -> None:
    """With the key that the commands before it made."""
    signed = [path.parent for path in (house.home / "bentoml" / "bentos").rglob("provenance.dsse.json")]
    assert signed
    for package in signed:
        done = subprocess.run(
            ["bash", "-euc", script_by_hand(package)], cwd=house.root, env=user(house), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert file_sha256(package / "SHA256SUMS") in done.stdout
        assert "Signature Verified Successfully" in done.stdout


def run(house: Workspace, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        shlex.split(command), cwd=house.root, env=user(house), capture_output=True, text=True, timeout=1800, check=False
    )


@contextmanager
def until_ctrl_c(house: Workspace, command: str, *, patience_s: float = 150) -> Iterator[str]:
    """Start a command, wait for its address, and end it like a user does."""
    child = subprocess.Popen(
        shlex.split(command),
        cwd=house.root,
        env=user(house),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    assert child.stdout is not None
    impatience = Timer(patience_s, child.kill)
    impatience.start()
    try:
        said = []
        for line in child.stdout:
            said.append(line)
            if found := re.search(READY[" ".join(shlex.split(command)[:2])], line):
                break
        else:
            raise AssertionError(f"{command} ended before it was ready:\n{''.join(said)}")
        impatience.cancel()
        yield found.group(1)
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=60)
        assert child.returncode in (0, 130), f"{command}: {child.returncode}\n{rest}"
        assert "Traceback" not in rest, rest
    finally:
        impatience.cancel()
        child.kill()
        child.wait()


def heed_ctrl_c() -> None:
    """A shell without a terminal starts its background jobs deaf to Ctrl-C, and their children are too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def user(house: Workspace) -> dict[str, str]:
    """A user's environment, in which `assay` is the house's own code; DVC leaves nothing outside of the house."""
    site = str(house.home / "dvc" / "site")
    ada = {f"GIT_{who}_{what}": "ada@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return environment(house, DVC_SITE_CACHE_DIR=site, DVC_NO_ANALYTICS="1", PYTHONPATH=str(house.root), **ada)
