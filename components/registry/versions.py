"""Versions of a registered model, as MLflow keeps them and as lists show them.

    versions = search_versions(client, "name = 'galaxy-shape'")
    headline_metrics(versions[0].tags)

Only this wing uses it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

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
    description: str
    created: datetime
    run_id: str
    """The MLflow run that holds its parameters, metrics and plots."""

    @property
    def metrics(self) -> dict[str, float]:
        """The headline metrics."""
        return headline_metrics(self.tags)


def search_versions(client: "MlflowClient", query: str) -> "list[ModelVersion]":
    """Every version that a query finds."""
    found: list[ModelVersion] = []
    token: str | None = ""
    while token is not None:
        page = client.search_model_versions(query, _PAGE, page_token=token or None)
        found.extend(page)
        token = page.token or None
    return found


def headline_metrics(tags: Mapping[str, str]) -> dict[str, float]:
    """The metrics among a version's tags; one that somebody made a word of is left out."""
    metrics: dict[str, float] = {}
    for name, value in tags.items():
        if name.startswith(METRIC_TAG):
            with suppress(ValueError):
                metrics[name.removeprefix(METRIC_TAG)] = float(value)
    return metrics
