"""Versions of a registered model, as MLflow keeps them: searched, found, and in the form that lists show.

    versions = search_versions(client, "name = 'galaxy-shape'")
    info = version_info(find_version(client, "galaxy-shape", 3))

Only this wing uses it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.core import AssayError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

METRIC_TAG = "metric."
"""A version carries its headline metrics as tags: the runs of a thousand versions are slow to read."""

LINEAGE = {"weights.sha256", "description.sha256", "evidence.digest", "data.md5", "git.commit"}
"""Tags without which a version is not Assay's."""

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
    missing = sorted(LINEAGE - set(found[0].tags))
    if missing:
        raise AssayError(
            f"{problem} version {version} has no tag {missing[0]}: type `assay reconcile` if Assay registered it"
        )
    return found[0]


def headline_metrics(tags: Mapping[str, str]) -> dict[str, float]:
    """The metrics among a version's tags; one that somebody made a word of is left out."""
    metrics: dict[str, float] = {}
    for name, value in tags.items():
        if name.startswith(METRIC_TAG):
            with suppress(ValueError):
                metrics[name.removeprefix(METRIC_TAG)] = float(value)
    return metrics


def version_info(version: "ModelVersion") -> VersionInfo:
    """The version as lists show it."""
    return VersionInfo(
        version=int(version.version),
        tags=version.tags,
        metrics=headline_metrics(version.tags),
        created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        run_id=str(version.run_id),
    )
