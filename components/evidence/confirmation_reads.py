"""How often a confirmation split has been read: each time somebody learned a little of it, and it is worth less.

    count = read_once_more(workspace, problem, dataset)
    confirmed_on(workspace, problem, dataset, settings)     # in words, for the card

Only where there is no simulator, which draws new images for each comparison.
"""

import json
from pathlib import Path

from filelock import FileLock

from components.core import DataSettings, IntegrityError, Workspace, write_whole
from components.fields import Dataset, Problem

__label__ = None


def read_once_more(workspace: Workspace, problem: Problem, dataset: Dataset) -> int:
    """Count a reading, before it is made, and say which it is."""
    path = _path(workspace, problem)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        counts = _counts(path)
        counts[dataset.digest] = counts.get(dataset.digest, 0) + 1
        write_whole(path, json.dumps(counts))
    return counts[dataset.digest]


def confirmed_on(workspace: Workspace, problem: Problem, dataset: Dataset, settings: DataSettings) -> str:
    """What promotions to production compare models on."""
    if problem.simulated(settings):
        return "images drawn for each comparison"
    count = _counts(_path(workspace, problem)).get(dataset.digest, 0)
    return f"the confirmation split, which has been read {count} times"


def _path(workspace: Workspace, problem: Problem) -> Path:
    return workspace.home / "confirmations" / f"{problem.name}.json"


def _counts(path: Path) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise IntegrityError(f"{path} is not what was written: restore it, or delete it to count anew") from error
    return found
