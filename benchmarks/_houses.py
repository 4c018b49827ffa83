"""A house with candidates to promote, for benchmarks of commands.

house = candidates(Path(folder), 2)
"""

from pathlib import Path

from components.core import Workspace
from components.data import publish, simulate
from components.problems import find_problem
from tests.conftest import make_house, small_settings
from tests.drills.houses import NAME, make_candidates


def candidates(folder: Path, count: int) -> Workspace:
    """So many small networks, trained on one dataset, evaluated and registered.

    Args:
        folder: what is made lies in it.
        count: of networks.
    """
    drawn = make_house(folder / "drawn")
    dataset = publish(drawn, simulate(drawn, find_problem(NAME), small_settings(drawn.root).simulate))
    return make_candidates(folder / "house", dataset.folder, count)
