"""What a promotion costs, package and proof included, and how long a list of a thousand versions takes.

python -m benchmarks promotion
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks._houses import candidates
from components.core import Workspace
from components.ledger import REGISTER
from components.ledger.database import LedgerDatabase
from tests.drills.commands import assay, assay_here
from tests.drills.houses import NAME

_VERSIONS = 1000


def fill(house: Workspace, count: int) -> None:
    """So many versions in MLflow and in the ledger, all of one network, which the ledger takes for different ones."""
    import mlflow

    uri = f"sqlite:///{house.home / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    source = client.get_model_version(NAME, "1")
    ledger = LedgerDatabase(house.database_url, patience_s=60)
    history = ledger.entries(NAME)
    last, registered = history[-1], next(entry for entry in history if entry.action == REGISTER)
    entries = []
    for version in range(max(entry.version for entry in history) + 1, count + 1):
        weights = f"{version:064d}"
        tags = dict(source.tags) | {"weights.sha256": weights}
        client.create_model_version(NAME, str(source.source), source.run_id, tags=tags)
        last = replace(registered, sequence=last.sequence + 1, version=version, weights_sha256=weights).sealed(
            last.digest
        )
        entries.append(last)
    ledger.append(entries)


def main() -> None:
    """Promote evaluated versions with the real command, then list a thousand."""
    with tempfile.TemporaryDirectory() as folder:
        house = candidates(Path(folder), 2)
        for version, stage, more in ((1, "staging", ()), (1, "production", ("--first",)), (2, "staging", ()),
                                     (2, "production", ())):  # fmt: skip
            start = time.monotonic()
            done = assay(house, "promote", NAME, str(version), "--to", stage, "--reason", "measured", *more)
            if done.returncode:
                raise SystemExit(done.stderr)
            print(f"assay promote {version} --to {stage}: {time.monotonic() - start:.1f} s", flush=True)

        fill(house, _VERSIONS)
        for command in (["models"], ["reconcile"], ["history", NAME]):
            start = time.monotonic()
            done = assay_here(house, *command)
            if done.returncode:
                raise SystemExit(done.stderr)
            print(f"assay {command[0]} with {_VERSIONS} versions, beyond imports: {time.monotonic() - start:.2f} s")


if __name__ == "__main__":
    main()
