"""Whether a retraining was found to be due, remembered while nobody writes to what that was found by.

    look = Look.begin(workspace, "galaxy-shape", "demo", began_ns=time.time_ns())
    found = look.recalled()                   # None: it has to be found out, by `due`
    look.remember(found)                      # of images that are drawn, not read

It was found by our own code, the libraries that are installed, params.yaml, data.dvc, the published dataset's manifest,
what the model in production says of itself, the problem's history and refusals, and the versions that MLflow has.
Telling what code comes to takes seconds; whether anybody wrote to a file, none.
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
class Due:
    """Whether to train again."""

    reasons: tuple[str, ...]
    """One line each; none when nothing has changed, or when what today's inputs make was refused already."""
    why_not: str = ""
    """Why none is due, where none is: what was compared with what."""
    lasting: bool = False
    """Whether nothing was read that could change without a file of ours, the ledger or MLflow's versions."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at whether production is made from today's inputs."""

    workspace: Workspace
    problem: str
    size: str
    began_ns: int
    state: str
    """Digest of what it is found by."""
    lasting: bool
    """Whether a change from the beginning on shows in the state."""

    @classmethod
    def begin(cls, workspace: Workspace, problem: str, size: str, *, began_ns: int) -> "Look":
        """Look at the files, at production, and at what was said of other versions.

        Args:
            workspace: where.
            problem: whose production.
            size: whose settings.
            began_ns: when anything was first read.

        Raises:
            IntegrityError: when the ledger is an older one than MLflow has seen.
            AssayError: when MLflow cannot be asked, or the files of the model in production are damaged.
        """
        ledger, registry = open_ledger(workspace), Registry(workspace)
        why = unwitnessed(ledger, registry, problem)
        if why is not None:
            raise why
        entry = ledger.entry_in(problem, PRODUCTION)
        made: dict[str, Any] = {}
        if entry is not None:
            made = {"version": entry.version, **read_description(model_files(workspace, problem, entry.version))}
        named = [workspace.root / "params.yaml", workspace.root / DATA_FILE, workspace.dataset(problem) / MANIFEST]
        libraries = [file for place in sys.path for pattern in _INSTALLED for file in Path(place).glob(pattern)]
        states = [*house_state(HOUSE), *(state_of(path) for path in (*named, *libraries) if path.exists())]
        decides = {
            "files": states,
            "made": made,
            "history": ledger.last_digest(problem),
            "refused": [vars(refusal) for refusal in ledger.refusals.of(problem)],
            "versions": sorted(registry.tags(problem)),
            "python": platform.python_version(),
            "size": size,
        }
        return cls(
            workspace=workspace,
            problem=problem,
            size=size,
            began_ns=began_ns,
            state=value_digest(decides),
            lasting=are_settled(states, began_ns),
        )

    @staticmethod
    def kept(workspace: Workspace, problem: str, size: str) -> Path:
        """Where it is remembered what was found in which state."""
        return workspace.digests / f"{value_digest([problem, size])[:32]}.json"

    def recalled(self) -> Due | None:
        """What was found in this very state."""
        try:
            known = read_sealed(self.kept(self.workspace, self.problem, self.size))
            if known["state"] != self.state:
                return None
            return Due(reasons=tuple(known["reasons"]), why_not=known["why_not"], lasting=True)
        except (OSError, ValueError, KeyError):  # not known yet, or damaged: it is found out again
            return None

    def remember(self, found: Due) -> None:
        """Keep what lasts of what was found; not where anything has changed meanwhile."""
        if not found.lasting:
            return
        again = Look.begin(self.workspace, self.problem, self.size, began_ns=self.began_ns)
        if self.lasting and again.state == self.state:
            known = {"state": self.state, "reasons": list(found.reasons), "why_not": found.why_not}
            text = json.dumps(sealed(known)) + "\n"
            with suppress(OSError):  # a full or read-only disk costs time, and nothing else
                write_whole(self.kept(self.workspace, self.problem, self.size), text)
