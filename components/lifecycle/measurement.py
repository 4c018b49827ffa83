"""A registered version's table of honesty: measured here, shown on its card and in MLflow, and found on other machines.

table = measure_version(workspace, problem, settings, dataset, 3)
table = table_of(workspace, problem, settings, 3)                       # None when nobody measured it
"""

from components.core import ProblemSettings, Workspace, scratch_folder
from components.evidence import (
    DOCUMENT,
    PLOTS,
    HonestyTable,
    adopt_honesty,
    find_honesty,
    measured_honesty,
    rewrite_card,
    was_measured,
)
from components.fields import Dataset, Problem
from components.lifecycle.cards import attach_card, version_card
from components.lifecycle.model_folders import model_files
from components.registry import Registry
from models.descriptions import read_description

_ATTACHED = "honesty"
"""Of a version's files in MLflow."""


def measure_version(
    workspace: Workspace, problem: Problem, settings: ProblemSettings, dataset: Dataset, version: int
) -> HonestyTable:
    """Measure a version, or find its table.

    Raises:
        AssayError: when there is no such version, or the problem has no such measurement.
    """
    model, registry = model_files(workspace, problem.name, version), Registry(workspace)
    table = measured_honesty(workspace, problem, model, settings)
    registry.attach(problem.name, version, table.folder, _ATTACHED)
    card = rewrite_card(workspace, problem, model, dataset, settings)
    if card is not None:
        registry.attach(problem.name, version, card.parent / PLOTS, f"evaluation/{PLOTS}")
        registry.attach(problem.name, version, card.with_name(DOCUMENT), "evaluation")
        attach_card(workspace, problem.name, version, version_card(workspace, problem.name, version))
    return table


def table_of(workspace: Workspace, problem: Problem, settings: ProblemSettings, version: int) -> HonestyTable | None:
    """The table of a version by today's code and settings, fetched where another machine measured it.

    Raises:
        AssayError: when there is no such version, or MLflow cannot be asked.
        IntegrityError: when the table was changed.
    """
    description = read_description(model_files(workspace, problem.name, version))
    table = find_honesty(workspace, problem, description, settings)
    if table is None and settings.honesty is not None:
        _fetch(workspace, problem, version)
        table = find_honesty(workspace, problem, description, settings)
    return table


def is_measured(workspace: Workspace, problem: Problem, version: int) -> bool:
    """Whether anybody measured a version on any machine, be it with other settings or code than today's."""
    weights = read_description(model_files(workspace, problem.name, version))["weights_sha256"]
    if not was_measured(workspace, problem, weights):
        _fetch(workspace, problem, version)
    return was_measured(workspace, problem, weights)


def _fetch(workspace: Workspace, problem: Problem, version: int) -> None:
    with scratch_folder(workspace) as folder:
        found = Registry(workspace).fetch_attached(problem.name, version, _ATTACHED, into=folder)
        if found is not None:
            adopt_honesty(workspace, problem, found)
