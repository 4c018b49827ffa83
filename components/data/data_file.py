"""data.dvc as a file: a row for each problem, with DVC's digest of its data and, as `meta`, what made it.

    row = read_row(workspace, "galaxy-shape")
    row.md5, row.dataset, row.key

DVC writes digests and sizes (`versioning.py`) and keeps what stands beside them; the file is read and written by the
library that DVC does it with, since libraries differ in which digests look like numbers to them. So a commit names its
data and the inputs that made it, and data that comes from a remote is known for what it is without being drawn again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from components.core import IntegrityError, Workspace, write_whole

DATA_FILE = "data.dvc"


@dataclass(frozen=True, kw_only=True)
class DataRow:
    """What data.dvc says of one problem; None for what it does not say."""

    md5: str | None
    """DVC's digest of the folder."""
    dataset: str | None
    """`Dataset.digest` of what was made."""
    key: str | None
    """`dataset_key` of what made it."""


def data_path(problem: str) -> str:
    """How data.dvc and DVC's commands call a problem's data."""
    return f"data/{problem}"


def read_row(workspace: Workspace, problem: str) -> DataRow | None:
    """The row of a problem, or None when it has none.

    Raises:
        IntegrityError: when data.dvc is there but cannot be read (a merge conflict, say).
    """
    row = raw_row(workspace, problem)
    if row is None:
        return None
    made = row.get("meta") or {}
    return DataRow(md5=row.get("md5"), dataset=made.get("dataset"), key=made.get("key"))


def raw_row(workspace: Workspace, problem: str) -> dict[str, Any] | None:
    """All that the row of a problem says, or None when it has none; raises as `read_row`."""
    with workspace.data_lock():  # DVC writes the file in place
        row = _find(_read(workspace), problem)
    return None if row is None else dict(row)


def write_row(workspace: Workspace, problem: str, **values: Any) -> None:
    """Change what the row of a problem says, making it when there is none; all other rows stay.

    Args:
        workspace: whose data.dvc.
        problem: whose row.
        values: by their names in the row.
    """
    with workspace.data_lock():
        put_row(workspace, problem, (raw_row(workspace, problem) or {"path": data_path(problem)}) | values)


def put_row(workspace: Workspace, problem: str, row: Mapping[str, Any] | None) -> None:
    """Have a problem's row say this and nothing else, or take it out; all other rows stay as they are by now."""
    path = workspace.root / DATA_FILE
    with workspace.data_lock():
        document = _read(workspace)
        outs = document["outs"]
        place = next((number for number, other in enumerate(outs) if other["path"] == data_path(problem)), len(outs))
        outs[place : place + 1] = [] if row is None else [dict(row)]
        if not outs:
            path.unlink(missing_ok=True)
            return
        text = StringIO()
        YAML().dump(document, text)
        write_whole(path, text.getvalue())


def find_row(text: str, problem: str) -> dict[str, Any] | None:
    """The row of a problem in the text of some data.dvc."""
    return _find(YAML().load(text), problem)


def _read(workspace: Workspace) -> dict[str, Any]:
    path = workspace.root / DATA_FILE
    try:
        document = YAML().load(path.read_text(encoding="utf-8"))
        _find(document, "")
    except FileNotFoundError:
        return {"outs": []}
    except (YAMLError, LookupError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path} names no data: type `git checkout {DATA_FILE}`") from error
    # From before problems had rows: the whole folder was one, of which no problem's part can be checked out.
    document["outs"] = [row for row in document["outs"] if row["path"] != "data"]
    return document  # type: ignore[no-any-return]


def _find(document: Any, problem: str) -> dict[str, Any] | None:
    return next((row for row in document["outs"] if row["path"] == data_path(problem)), None)
