"""An independent reader of ledger, MLflow and store: what each says by itself, without a line of Assay's own code.

what_is_wrong(database_url, tracking_uri, stores=[home / "bentoml" / "bentos"])     # [] where all agree
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

NAME = "galaxy-shape"


def what_is_wrong(database_url: str, tracking_uri: str, stores: Sequence[Path]) -> list[str]:
    """Everything in which MLflow and the stores say otherwise than the ledger."""
    import mlflow

    rows = read(database_url)
    wrong, client = chain(rows), mlflow.MlflowClient(tracking_uri, tracking_uri)
    now = {row["version"]: row for row in rows}  # the last row of each
    model = client.get_registered_model(NAME)
    if model.tags.get("ledger.head") != f"{rows[-1]['sequence']} {rows[-1]['digest']}":
        wrong.append(f"ledger.head is {model.tags.get('ledger.head')}")
    holders: dict[str, int] = {}
    for row in reversed(rows):
        if now[row["version"]] is row:
            holders.setdefault(row["to_stage"], row["version"])
    expected = {stage: holders[stage] for stage in ("candidate", "staging", "production") if stage in holders}
    found = {alias: int(version) for alias, version in model.aliases.items()}
    if found != expected:
        wrong.append(f"aliases are {found}, and the ledger has {expected}")
    for stage in ("staging", "production"):
        if len([row for row in now.values() if row["to_stage"] == stage]) > 1:
            wrong.append(f"{stage} has two versions")
    for version in client.search_model_versions(f"name = '{NAME}'"):
        row = now[int(version.version)]
        said = {name: version.tags.get(name) for name in ("stage", "weights.sha256", "package.digest")}
        wanted = {
            "stage": row["to_stage"],
            "weights.sha256": row["weights_sha256"],
            "package.digest": row["package_digest"],
        }
        if said != wanted:
            wrong.append(f"version {version.version} has {said}, and the ledger {wanted}")
        if row["package_digest"] and row["to_stage"] in ("staging", "production"):
            kept = [file.path for file in client.list_artifacts(str(version.run_id), "packages")]
            if f"packages/{row['package_digest']}.tar" not in kept:
                wrong.append(f"MLflow has no package of version {version.version}")
    for store in stores:
        for stage in ("staging", "production"):
            if stage in holders:
                row = now[holders[stage]]
                name, _, tag = row["package_tag"].partition(":")
                wrong += package(store / name / tag, row["package_digest"])
    return wrong


def read(database_url: str) -> list[dict[str, Any]]:
    """The rows of the ledger, oldest first."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        query = sa.text("SELECT * FROM ledger WHERE problem = :name ORDER BY sequence")
        return [dict(row) for row in connection.execute(query, {"name": NAME}).mappings()]


def chain(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Where a row does not follow the one before it."""
    before, wrong = "0" * 64, []
    for number, row in enumerate(rows, start=1):
        if (row["sequence"], row["previous_digest"]) != (number, before):
            wrong.append(f"row {row['sequence']} does not follow the one before")
        before = str(row["digest"])
    return wrong


def package(folder: Path, digest: object) -> list[str]:
    """Where a package is not what its list of files says, or the list is not the ledger's."""
    if not folder.is_dir():
        return []  # this machine has not needed it yet
    listed = (folder / "SHA256SUMS").read_bytes()
    wrong = [] if hashlib.sha256(listed).hexdigest() == digest else [f"{folder} has another digest"]
    for line in listed.decode().splitlines():
        sha256, _, name = line.partition("  ")
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
            wrong.append(f"{folder / name} is not what is listed")
    return wrong
