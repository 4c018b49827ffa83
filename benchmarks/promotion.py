"""What a promotion costs, package and proof included, and how long a list of a thousand versions takes.

python -m benchmarks promotion
"""

import tempfile
import time
from pathlib import Path

from components.data import publish, simulate
from components.problems import find_problem
from tests.conftest import make_house, small_settings
from tests.drills.commands import assay, assay_here
from tests.drills.houses import NAME, make_candidates

_VERSIONS = 1000


def main() -> None:
    """Promote evaluated versions with the real command, then list a thousand."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = make_house(Path(folder) / "drawn")
        problem, settings = find_problem(NAME), small_settings(drawn.root).simulate
        dataset = publish(drawn, simulate(drawn, problem, settings))
        house = make_candidates(Path(folder) / "house", dataset.folder, 2)
        for version, stage, more in ((1, "staging", ()), (1, "production", ("--first",)), (2, "staging", ()),
                                     (2, "production", ())):  # fmt: skip
            start = time.monotonic()
            done = assay(house, "promote", NAME, str(version), "--to", stage, "--reason", "measured", *more)
            if done.returncode:
                raise SystemExit(done.stderr)
            print(f"assay promote {version} --to {stage}: {time.monotonic() - start:.1f} s", flush=True)

        import mlflow

        uri = f"sqlite:///{house.home / 'mlflow.db'}"
        client = mlflow.MlflowClient(uri, uri)
        source = client.get_model_version(NAME, "1")
        for _ in range(_VERSIONS - 2):
            client.create_model_version(NAME, str(source.source), source.run_id, tags=dict(source.tags))
        start = time.monotonic()
        assay_here(house, "reconcile")
        print(f"assay reconcile of {_VERSIONS - 2} unknown versions: {time.monotonic() - start:.1f} s", flush=True)
        for command in (["models"], ["reconcile"], ["history", NAME]):
            start = time.monotonic()
            done = assay_here(house, *command)
            if done.returncode:
                raise SystemExit(done.stderr)
            print(f"assay {command[0]} with {_VERSIONS} versions, beyond imports: {time.monotonic() - start:.2f} s")


if __name__ == "__main__":
    main()
