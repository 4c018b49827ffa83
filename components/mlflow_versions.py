"""Versions of a registered model, as MLflow keeps them: searched, found, and in the form that lists show.

    versions = search_versions(client, "name = 'galaxy-shape'")
    info = version_info(find_version(client, "galaxy-shape", 3))

Only `components.registry` and `components.mlflow_*` use this.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.errors import AssayError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

METRIC_TAG = "metric."
"""A version carries its headline metrics as tags: the runs of a thousand versions are slow to read."""

_PAGE = 10_000


@dataclass(frozen=True, kw_only=True)
class VersionInfo:
    """What lists of versions show."""

    version: int
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    """The headline metrics."""
    created: datetime
    run_id: str
    """The MLflow run that holds its parameters, metrics and plots."""


def search_versions(client: "MlflowClient", query: str) -> "list[ModelVersion]":
    """Every version that a query finds."""
    found: list[ModelVersion] = []
    token: str | None = ""
    while token is not None:
        page = client.search_model_versions(query, _PAGE, page_token=token or None)
        found.extend(page)
        token = page.token or None
    return found


def find_version(client: "MlflowClient", problem: str, version: int) -> "ModelVersion":
    """One version of a problem.

    Raises:
        AssayError: when there is no such version, or it is somebody else's.
    """
    found = client.search_model_versions(f"name = '{problem}' AND version_number = {version}")
    if not found:
        raise AssayError(f"{problem!r} has no version {version}: type `assay models` to see what is registered")
    if "weights.sha256" not in found[0].tags:
        raise AssayError(
            f"{problem} version {version} has no tag weights.sha256: type `assay reconcile` if Assay registered it"
        )
    return found[0]


def version_info(version: "ModelVersion") -> VersionInfo:
    """The version as lists show it."""
    return VersionInfo(
        version=int(version.version),
        tags=version.tags,
        metrics={
            name.removeprefix(METRIC_TAG): float(value)
            for name, value in version.tags.items()
            if name.startswith(METRIC_TAG)
        },
        created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        run_id=str(version.run_id),
    )
