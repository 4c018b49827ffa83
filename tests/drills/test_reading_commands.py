"""Commands that only read are at hand at once: what takes seconds to import is not needed for them."""

import subprocess
import sys

import pytest

from components.core.workspace import Workspace
from tests.drills.commands import environment
from tests.drills.houses import NAME

SLOW = ("astropy", "dvc", "galsim", "matplotlib", "mlflow", "optuna", "pandas", "prefect", "scipy", "torch")
CODE = f"""
import sys
from flows import cli
try:
    cli.main()
finally:
    print("imported", *sorted(set(sys.modules) & set({SLOW!r})), file=sys.stderr)
"""


@pytest.mark.house("promoted")
def test_they_import_nothing_that_is_slow(house: Workspace) -> None:
    for arguments in (
        ["--version"],
        ["--help"],
        ["models"],
        ["models", NAME, "--json"],
        ["history", NAME],
        ["trace", NAME, "1"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", CODE, *arguments],
            cwd=house.root,
            env=environment(house),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert done.stderr == "imported\n", arguments
