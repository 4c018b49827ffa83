"""MLflow's own SQLite file, read as it is: in one transaction, by what its tables say, without importing MLflow.

    tables = open_tables(Path(".assay/mlflow.db"))
    with closing(tables):
        tables.versions("galaxy-shape")

Only `connection.py` uses it. It knows the tables of one revision; for another, and for a file that cannot be read,
MLflow itself is asked, and says what is wrong in its words.
"""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.registry.reading import ModelInfo
from components.registry.versions import VersionInfo

REVISION = "dc11669786a5"
"""Of the tables that are read here: MLflow 3.17."""
_PATIENCE_S = 1.0

_MODEL = "SELECT name FROM registered_models WHERE workspace = 'default' AND name = ?"
_MODEL_TAGS = "SELECT key, value FROM registered_model_tags WHERE workspace = 'default' AND name = ?"
_ALIASES = "SELECT alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = ?"
_TAGGED = "SELECT name FROM registered_model_tags WHERE workspace = 'default' AND key = ? AND value = ?"
_VERSIONS = (
    "SELECT version, description, creation_time, run_id FROM model_versions WHERE workspace = 'default' AND name = ? "
    "AND version = coalesce(?, version) AND current_stage != 'Deleted_Internal' ORDER BY version"
)
_VERSION_TAGS = (
    "SELECT version, key, value FROM model_version_tags WHERE workspace = 'default' AND name = ? "
    "AND version = coalesce(?, version)"
)
_FILES = (
    "SELECT coalesce(storage_location, source) FROM model_versions WHERE workspace = 'default' AND name = ? "
    "AND version = ?"
)
_METRICS = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"
_ARTIFACTS = "SELECT artifact_uri FROM runs WHERE run_uuid = ?"


def open_tables(path: Path) -> "SqliteTables | None":
    """MLflow's tables in a file; None when they are not of the revision known here, or cannot be read now."""
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S, isolation_level=None)
    except sqlite3.Error:
        return None
    try:
        connection.execute("BEGIN")  # what is read until the end is of one moment
        if connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(REVISION,)]:
            return SqliteTables(connection)
    except sqlite3.Error:
        pass
    connection.close()
    return None


class SqliteTables:
    """What `Reading` asks for, from the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """End the transaction."""
        self._connection.close()

    def model(self, problem: str) -> ModelInfo | None:
        """See `Reading`."""
        if not self._rows(_MODEL, problem):
            return None
        tags, aliases = dict(self._rows(_MODEL_TAGS, problem)), dict(self._rows(_ALIASES, problem))
        return ModelInfo(name=problem, tags=tags, aliases=aliases)

    def names_tagged(self, tag: str, value: str) -> list[str]:
        """See `Reading`."""
        return [name for (name,) in self._rows(_TAGGED, tag, value)]

    def versions(self, problem: str, *, number: int | None = None, weights: str | None = None) -> list[VersionInfo]:
        """See `Reading`."""
        tags: dict[int, dict[str, str]] = defaultdict(dict)
        for version, key, text in self._rows(_VERSION_TAGS, problem, number):
            tags[version][key] = text
        return [
            VersionInfo(
                version=version,
                tags=tags[version],
                description=description or "",
                created=datetime.fromtimestamp(created / 1000, UTC),
                run_id=run_id,
            )
            for version, description, created, run_id in self._rows(_VERSIONS, problem, number)
            if weights in (None, tags[version].get("weights.sha256"))
        ]

    def model_files(self, problem: str, version: int) -> str:
        """See `Reading`."""
        ((found,),) = self._rows(_FILES, problem, version)
        return str(found)

    def metrics(self, run_id: str) -> dict[str, float]:
        """See `Reading`."""
        return {key: float("nan") if is_nan else value for key, value, is_nan in self._rows(_METRICS, run_id)}

    def artifacts(self, run_id: str) -> str:
        """See `Reading`."""
        ((found,),) = self._rows(_ARTIFACTS, run_id)
        return str(found)

    def _rows(self, query: str, *values: object) -> list[Any]:
        return self._connection.execute(query, values).fetchall()
