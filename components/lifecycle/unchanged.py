"""That nothing has changed since production was made, remembered while nobody writes to what that was found by.

    look = Look.begin(workspace, "galaxy-shape", "demo", began_ns=time.time_ns())
    why_not = look.recalled()                 # None: it has to be found out, by `due`
    look.remember()                           # where it was found, and of images that are drawn, not read

It was found by our own code, the libraries that are installed, params.yaml, data.dvc, the published dataset's manifest,
and what the model in production says of itself. Telling what code comes to takes seconds; whether anybody wrote to a
file, none.
"""

import json
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core import (
    HOUSE,
    Workspace,
    are_settled,
    house_state,
    read_sealed,
    sealed,
    state_of,
    value_digest,
    write_whole,
)
from components.data import DATA_FILE
from components.fields import MANIFEST
from components.ledger import PRODUCTION, open_ledger
from components.lifecycle.model_folders import model_files
from components.lifecycle.witness import unwitnessed
from components.registry import Registry
from models.descriptions import read_description

_INSTALLED = ("*.dist-info/METADATA", "*.egg-info/PKG-INFO", "*.egg-info")
"""What says the version of a library, in each folder that Python imports from."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at whether production is made from today's inputs."""

    workspace: Workspace
    problem: str
    size: str
    began_ns: int
    version: int | None
    """Of production; None where nothing is."""
    state: str
    """Digest of what it is found by."""
    lasting: bool
    """Whether a change from the beginning on shows in the state."""

    @classmethod
    def begin(cls, workspace: Workspace, problem: str, size: str, *, began_ns: int) -> "Look":
        """Look at the files, and at production.

        Args:
            workspace: where.
            problem: whose production.
            size: whose settings.
            began_ns: when anything was first read.

        Raises:
            IntegrityError: when the ledger is an older one than MLflow has seen.
            AssayError: when MLflow cannot be asked, or the files of the model in production are damaged.
        """
        ledger = open_ledger(workspace)
        why = unwitnessed(ledger, Registry(workspace), problem)
        if why is not None:
            raise why
        entry = ledger.entry_in(problem, PRODUCTION)
        made: dict[str, Any] = {}
        if entry is not None:
            made = {"version": entry.version, **read_description(model_files(workspace, problem, entry.version))}
        named = [workspace.root / "params.yaml", workspace.root / DATA_FILE, workspace.dataset(problem) / MANIFEST]
        libraries = [file for place in sys.path for pattern in _INSTALLED for file in Path(place).glob(pattern)]
        states = [*house_state(HOUSE), *(state_of(path) for path in (*named, *libraries) if path.exists())]
        decides = {"files": states, "made": made, "python": platform.python_version(), "size": size}
        return cls(
            workspace=workspace,
            problem=problem,
            size=size,
            began_ns=began_ns,
            version=entry.version if entry is not None else None,
            state=value_digest(decides),
            lasting=are_settled(states, began_ns),
        )

    @staticmethod
    def kept(workspace: Workspace, problem: str, size: str) -> Path:
        """Where the state is remembered in which nothing had changed."""
        return workspace.digests / f"{value_digest([problem, size])[:32]}.json"

    def recalled(self) -> str | None:
        """Why no retraining is due, when it was found in this very state that nothing had changed."""
        try:
            known = read_sealed(self.kept(self.workspace, self.problem, self.size))["state"]
        except (OSError, ValueError, KeyError):  # not known yet, or damaged: it is found out again
            return None
        return nothing_changed(self.version) if self.version is not None and known == self.state else None

    def remember(self) -> None:
        """Keep that nothing had changed; not where another version went into production meanwhile."""
        again = Look.begin(self.workspace, self.problem, self.size, began_ns=self.began_ns)
        if self.lasting and again.state == self.state:
            text = json.dumps(sealed({"state": self.state})) + "\n"
            with suppress(OSError):  # a full or read-only disk costs time, and nothing else
                write_whole(self.kept(self.workspace, self.problem, self.size), text)


def nothing_changed(version: int) -> str:
    """In words: what was compared with what."""
    compared = "simulator, search and training (code, settings, versions of libraries) and data"
    return f"{compared} are those that version {version} in production was made from"
