"""What is read of MLflow, whichever way it is reached: its own database file directly, everything else by its client.

    with connection.reading() as mlflow:
        mlflow.model("galaxy-shape"), mlflow.versions("galaxy-shape", number=3)

Only this wing uses it. MLflow's client takes two seconds to import, a query of its file a millisecond; `sqlite.py` is
that way, for the one revision of the tables which it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from components.registry.versions import VersionInfo, search_versions

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A registered model."""

    name: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]


class Reading(Protocol):
    """What can be asked."""

    def model(self, problem: str) -> ModelInfo | None:
        """The registered model of a problem."""

    def names_tagged(self, tag: str, value: str) -> list[str]:
        """The registered models with a tag."""

    def versions(self, problem: str, *, number: int | None = None, weights: str | None = None) -> list[VersionInfo]:
        """The versions of a problem, oldest first: all, or those of a number or of weights."""

    def model_files(self, problem: str, version: int) -> str:
        """Where the logged model of a version is."""

    def metrics(self, run_id: str) -> dict[str, float]:
        """All metrics of a run."""

    def artifacts(self, run_id: str) -> str:
        """Where the files of a run are."""


class ByClient:
    """MLflow's own client: a server, another database than SQLite, or tables of another revision."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def model(self, problem: str) -> ModelInfo | None:
        """See `Reading`."""
        for found in self._client.search_registered_models(f"name = '{problem}'"):
            aliases = {name: int(version) for name, version in found.aliases.items()}
            return ModelInfo(name=found.name, tags=found.tags, aliases=aliases)
        return None

    def names_tagged(self, tag: str, value: str) -> list[str]:
        """See `Reading`."""
        return [model.name for model in self._client.search_registered_models(f"tags.`{tag}` = '{value}'")]

    def versions(self, problem: str, *, number: int | None = None, weights: str | None = None) -> list[VersionInfo]:
        """See `Reading`."""
        query = f"name = '{problem}'"
        if number is not None:
            query += f" AND version_number = {number}"
        if weights is not None:
            query += f" AND tags.`weights.sha256` = '{weights}'"
        found = [
            VersionInfo(
                version=int(version.version),
                tags=version.tags,
                description=version.description or "",
                created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
                run_id=str(version.run_id),
            )
            for version in search_versions(self._client, query)
        ]
        return sorted(found, key=lambda info: info.version)

    def model_files(self, problem: str, version: int) -> str:
        """See `Reading`."""
        return str(self._client.get_model_version_download_uri(problem, str(version)))

    def metrics(self, run_id: str) -> dict[str, float]:
        """See `Reading`."""
        return dict(self._client.get_run(run_id).data.metrics)

    def artifacts(self, run_id: str) -> str:
        """See `Reading`."""
        return str(self._client.get_run(run_id).info.artifact_uri)
