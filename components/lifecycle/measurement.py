"""Measure a registered version's honesty, and show it where the version is looked at: on its card, and in MLflow.

table = measure_version(workspace, problem, settings, dataset, 3)
"""

from components.core import ProblemSettings, Workspace
from components.evidence import HonestyTable, measured_honesty, rewrite_card
from components.fields import Dataset, Problem
from components.lifecycle.model_folders import model_files
from components.registry import Registry


def measure_version(
    workspace: Workspace, problem: Problem, settings: ProblemSettings, dataset: Dataset, version: int
) -> HonestyTable:
    """Measure a version, or find its table.

    Raises:
        AssayError: when there is no such version, or the problem has no such measurement.
    """
    model, registry = model_files(workspace, problem.name, version), Registry(workspace)
    table = measured_honesty(workspace, problem, model, settings)
    registry.attach(problem.name, version, table.folder, "honesty")
    card = rewrite_card(workspace, problem, model, dataset, settings)
    if card is not None:
        registry.attach(problem.name, version, card, "evaluation")
    return table
