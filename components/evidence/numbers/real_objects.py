"""Real objects, whose truth nobody knows: metrics, tables and a picture of whether the model can be right.

part = real_objects(about, folder)
"""

from pathlib import Path

import numpy as np

from components.evidence.numbers import real_plots
from components.evidence.numbers.consistency import consistency_metrics, consistency_table
from components.evidence.numbers.independent import compare_with_tools, independent_metrics
from components.evidence.numbers.parts import Gathering, Part

__label__ = "real_objects"


def real_objects(about: Gathering, folder: Path) -> Part:
    """Hold the model's answers against each other and against other programs.

    Args:
        about: the model and its problem.
        folder: of real images that the problem can open.
    """
    stored = about.problem.real_images(folder, about.simulation)
    table = consistency_table(about, stored)
    part = Part(metrics=consistency_metrics(table, about.settings), tables={"real": table})
    if about.problem.tools(about.simulation):
        flagged_b = table.groupby("image")["flagged"].first().to_numpy(dtype=np.bool_)
        compared = compare_with_tools(about, stored, flagged_b=flagged_b)
        part.metrics.update(independent_metrics(compared, about.settings))
        part.tables["real-galaxies"] = compared
        part.plots["real-galaxies"] = real_plots.plot_real(compared)
    return part
