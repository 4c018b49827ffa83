"""The picture of a search can be read, whatever the trials came to."""

import numpy as np
import pandas as pd
import pytest

from components.evidence.search_plot import plot_search
from tests.figures import unreadable

IMPORTANCES = {"learning_rate": 0.6, "weight_decay": 0.3, "network": 0.1}


@pytest.mark.parametrize("importances", [IMPORTANCES, {}])
@pytest.mark.parametrize("lost", [np.linspace(5, -2, 12), np.linspace(-2, 5, 12), np.array([np.nan, 1.0])])
def test_picture_can_be_read(lost: np.ndarray, importances: dict[str, float]) -> None:
    trials = pd.DataFrame({"loss": lost, "pruned": np.arange(len(lost)) % 3 == 1})
    assert not unreadable(plot_search(trials, importances, title="galaxy-shape: 12 trials of two spaces"))
