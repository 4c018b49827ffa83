"""What MLflow shows of the ledger: aliases, tags and descriptions; where they differ, and how they are made equal.

    found = differences(mlflow, "galaxy-shape", ledger.current("galaxy-shape"))
    repair(client, "galaxy-shape", found)

Only this wing uses it. The ledger decides; a change made by hand in MLflow is found here and undone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

from components.ledger import CANDIDATE, HEAD, PROMOTABLE, Entry, describe_override
from components.registry.owner import OWNER
from components.registry.reading import Reading
from components.registry.versions import VersionInfo

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIASES = (*reversed(PROMOTABLE), CANDIDATE)
"""The ledger's stages that have an alias; archived versions have none."""
_OF_STAGE = ("stage", "stage.at", "stage.by", "stage.reason", "override", "package.tag", "package.digest")
"""Tags that change with the stage; all others were there from the start."""
_LONGEST = 500
"""Characters of a reason; MLflow refuses tags beyond 5,000."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that MLflow shows otherwise than the ledger."""

    kind: str
    """`alias`, `tag`, `description`, or `version` for one that MLflow does not have any more."""
    name: str
    """Of the alias or tag."""
    version: int | None
    """Whose tag or description; None for those of the registered model, and for an alias."""
    found: str | None
    expected: str | None
    """None for what should not be there."""

    def __str__(self) -> str:
        of = f"version {self.version}" if self.version is not None else ""
        what = " ".join(part for part in (of, self.kind, self.name) if part)
        return f"{what} is {self.found or 'not there'} in MLflow, {self.expected or 'not there'} by the ledger"


def lineage_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those of a version's tags that it was registered with."""
    return {name: value for name, value in tags.items() if name not in _OF_STAGE}


def differences(
    mlflow: Reading,
    problem: str,
    stages: Mapping[int, Entry],
    lineage: Mapping[int, Mapping[str, str]],
    *,
    owner: str,
    only: Collection[int] | None = None,
) -> list[Difference]:
    """Everything that MLflow shows otherwise.

    Args:
        mlflow: what it has.
        problem: the registered model's name.
        stages: the entry that put each version where it is, newest first, as `Ledger.current` gives them.
        lineage: the tags that each was registered with.
        owner: the ledger's identity.
        only: the versions whose tags are looked at; all of them by default. Aliases are always looked at.
    """
    holders: dict[str, int] = {}
    for version, entry in stages.items():
        holders.setdefault(entry.to_stage, version)
    looked_at = {
        version: entry
        for version, entry in stages.items()
        if only is None or version in only or version in holders.values()
    }
    shown = _versions(mlflow, problem, None if only is None else looked_at)
    gone = [version for version in looked_at if version not in shown]
    found = [
        Difference(kind="version", name="", version=version, found=None, expected=f"in {stages[version].to_stage}")
        for version in gone
    ]
    model = mlflow.model(problem)
    if model is None:
        return found
    known = model.aliases
    # Nothing must stand in for a version that is gone.
    wanted = {alias: holders[alias] for alias in ALIASES if alias in holders and holders[alias] not in gone}
    found += [
        Difference(
            kind="alias", name=alias, version=None, found=_text(known.get(alias)), expected=_text(wanted.get(alias))
        )
        for alias in ALIASES
        if known.get(alias) != wanted.get(alias)
    ]
    said = {OWNER: owner, HEAD: next((entry.head for entry in stages.values()), None)}
    found += [
        Difference(kind="tag", name=name, version=None, found=model.tags.get(name), expected=expected)
        for name, expected in said.items()
        if expected not in (None, model.tags.get(name))
    ]
    for version, entry in looked_at.items():
        if version in shown:
            found += _shown_otherwise(entry, lineage.get(version, {}), shown[version])
    return found


def repair(client: "MlflowClient", problem: str, found: Collection[Difference]) -> None:
    """Make MLflow show what the ledger says; a version that is gone cannot be brought back here."""
    # Set before delete: whoever reads meanwhile may meet a version in two stages, never an empty stage.
    for one in sorted(found, key=lambda one: one.expected is None):
        match one.kind, one.expected:
            case "alias", None:
                client.delete_registered_model_alias(problem, one.name)
            case "alias", str(holder):
                client.set_registered_model_alias(problem, one.name, holder)
            case "tag", str(value) if one.version is None:
                client.set_registered_model_tag(problem, one.name, value)
            case "tag", None:
                client.delete_model_version_tag(problem, str(one.version), one.name)
            case "tag", str(value):
                client.set_model_version_tag(problem, str(one.version), one.name, value)
            case "description", value:
                client.update_model_version(problem, str(one.version), value)


def _shown_otherwise(entry: Entry, lineage: Mapping[str, str], shown: VersionInfo) -> list[Difference]:
    """What a version's own tags and description say otherwise than its entries."""
    version, tags = shown.version, shown.tags
    wanted, said = {**lineage, **_tags(entry)}, _description(entry, shown.run_id)
    found = [
        Difference(kind="tag", name=name, version=version, found=tags.get(name), expected=wanted.get(name))
        for name in dict.fromkeys((*_OF_STAGE, *wanted))
        if tags.get(name) != wanted.get(name)
    ]
    if shown.description != said:
        found.append(Difference(kind="description", name="", version=version, found=shown.description, expected=said))
    return found


def _versions(mlflow: Reading, problem: str, wanted: Collection[int] | None) -> dict[int, VersionInfo]:
    """Versions by number; all of them when none are named."""
    numbers = [None] if wanted is None else wanted
    return {found.version: found for number in numbers for found in mlflow.versions(problem, number=number)}


def _tags(entry: Entry) -> dict[str, str]:
    tags = {
        "stage": entry.to_stage,
        "stage.at": entry.at,
        "stage.by": entry.actor,
        "stage.reason": shorten(entry.reason, _LONGEST) or "–",
        "weights.sha256": entry.weights_sha256,
    }
    if entry.override:
        tags["override"] = describe_override(entry.override)
    if entry.package_tag and entry.package_digest:
        tags |= {"package.tag": entry.package_tag, "package.digest": entry.package_digest}
    return tags


def _description(entry: Entry, run_id: str) -> str:
    override = f" OVERRIDE: {describe_override(entry.override)}." if entry.override else ""
    reason = shorten(entry.reason, _LONGEST)
    return (
        f"{entry.to_stage} since {entry.at[:16].replace('T', ' ')} UTC by {entry.actor}: {reason}.{override}\n\n"
        # MLflow's page makes this a link to its own; card and verdicts are shown among the artifacts there.
        f"[Its run](#/runs/{run_id}) has the model card (`evaluation/card.html`), all metrics and the gates' verdicts; "
        f"`assay trace {entry.problem} {entry.version}` says what it was made of."
    )


def _text(version: int | None) -> str | None:
    return None if version is None else str(version)
