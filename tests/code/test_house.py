"""The house: arrows between wings point one way, wings meet through their faces, tools are met in one of them.

Imports for type checking and those within functions count as all others. `faults` finds what is wrong with a graph of
imports; each kind of fault is put into the real graph here, so that it is known to be found.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest
from grimp import ImportGraph

from components.core import HOUSE
from components.core.house import PACKAGES
from components.core.meaning import read_code

ROOTS = ("assay", "components", "models")

LAYERS: list[str | set[str]] = [
    "assay.__main__",
    "flows",
    "components.lifecycle",
    {"components.problems", "components.packages", "components.registry", "components.gates"},
    {"components.evidence", "components.training", "components.simulators", "components.ledger"},
    "components.data",
    "components.fields",
    "components.core",
    "services",
    {"models.estimators"},
    {"models.galaxies", "models.networks", "models.map_networks"},
    {
        "models.layers",
        "models.short_numbers",
        "models.devices",
        "models.fields",
        "models.descriptions",
        "models.planes",
        "assay.client",
    },
    "assay.prediction",
]
"""From the roof to the ground; wings on one floor do not import each other."""

ROOMS = (
    "components.problems", "components.simulators", "components.evidence", "components.training", "models.estimators"
)  # fmt: skip
"""Wings of rooms that do not meet: a problem, a simulator and a kind of answer know nothing of the others."""
HALLS = ("components.problems.skies",)
"""Rooms of what several of a wing share, which may meet them; they themselves meet none."""

TOOLS = {
    "astropy": ("components.fields", "services"),
    "bentoml": ("services",),
    "boto3": ("components.core",),
    "dask": ("components.core",),
    "distributed": ("components.core",),
    "galsim": ("components.simulators",),
    "great_expectations": ("components.data",),
    "jinja2": ("components.core", "services"),
    "matplotlib": ("components.evidence", "components.fields"),
    "mlflow": ("components.registry",),
    "optuna": ("components.training",),
    "optuna_dashboard": ("flows",),
    "prefect": ("flows",),
    "psycopg2": ("components.core",),
    "sep": ("components.simulators",),
    "skimage": ("components.evidence",),
    "services": ("components.packages", "services"),
    "sqlalchemy": ("components.ledger",),
}
"""Which wing meets a tool, or the service; no other does."""

BY_STRING = {
    "assay/__main__.py": "where the packages lie, which are not ours yet",
    "components/problems/__init__.py": "a problem, by its name on the command line",
    "models/networks/__init__.py": "a network, by its name in params.yaml",
    "models/map_networks/__init__.py": "another, by its name",
    "models/estimators/estimator.py": "the room of an estimator's kind",
    "flows/server_process.py": "Prefect's server, in a process of its own",
}
"""What imports by a string, and whom."""


@pytest.fixture
def graph() -> ImportGraph:
    return grimp.build_graph(
        "assay", "components", "models", "services", "flows", include_external_packages=True, cache_dir=None
    )


def faults(graph: ImportGraph) -> list[str]:
    """What is wrong with a house, one line each."""
    return [*outside(graph), *upward(graph), *behind_faces(graph), *circles(graph), *strangers(graph)]


def outside(graph: ImportGraph) -> Iterator[str]:
    """A wing that is on no floor would be held by nothing; roofs without walls import nothing."""
    floors = {name for floor in LAYERS for name in (floor if isinstance(floor, set) else {floor})}
    for module in graph.modules:
        if not graph.is_module_squashed(module) and wing(module) not in {*floors, *ROOTS}:
            yield f"{module} is on no floor"
    for importer, imported in imports(graph):
        if importer in ROOTS:
            yield f"{importer} must not import {imported}"


def upward(graph: ImportGraph) -> Iterator[str]:
    for found in graph.find_illegal_dependencies_for_layers(LAYERS):
        yield f"{found.importer} must not import {found.imported}"


def behind_faces(graph: ImportGraph) -> Iterator[str]:
    for importer, imported in imports(graph):
        is_face = imported in packages(graph) or imported.count(".") == 1
        if wing(importer) != wing(imported) and not is_face:
            yield f"{importer} imports {imported}, not from {imported.rpartition('.')[0]}"
        if importer.startswith(f"{imported}."):
            yield f"{importer} imports the face of its own wing {imported}"
        ours, theirs = room(graph, importer), room(graph, imported)
        if ours and theirs and ours != theirs and wing(ours) == wing(theirs) and theirs not in HALLS:
            yield f"{importer} imports {imported} of another room"


def circles(graph: ImportGraph) -> Iterator[str]:
    """A face stands for all that lies behind it."""
    arrows = {face: set(graph.find_children(face)) - {*ROOTS} for face in packages(graph) - {*ROOTS}}
    for importer, imported in imports(graph):
        if importer not in arrows or importer not in packages(graph):
            arrows.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        yield f"circle: {' → '.join(error.args[1])}"


def strangers(graph: ImportGraph) -> Iterator[str]:
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            wings = TOOLS.get(imported.partition(".")[0], (importer,))
            if not importer.startswith(wings):
                yield f"{importer} imports {imported}, which {' and '.join(wings)} meets"


def packages(graph: ImportGraph) -> set[str]:
    return {module for module in graph.modules if not graph.is_module_squashed(module) and graph.find_children(module)}


def imports(graph: ImportGraph) -> Iterator[tuple[str, str]]:
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            if not graph.is_module_squashed(imported):
                yield importer, imported


def wing(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] in ROOTS else 1])


def room(graph: ImportGraph, module: str) -> str:
    """The room that a module lies in, where its wing has rooms."""
    name = ".".join(module.split(".")[:3])
    return name if wing(module) in ROOMS and name in packages(graph) else ""


def test_the_house_has_no_fault(graph: ImportGraph) -> None:
    assert faults(graph) == []
    assert len(graph.modules) > 100


@pytest.mark.parametrize(
    ("importer", "imported", "said"),
    [
        ("components.core.workspace", "components.ledger", "must not import components.ledger"),
        ("components.simulators.sersic.draws", "components.problems", "must not import components.problems"),
        ("components.evidence.numbers.reference", "components.problems", "must not import components.problems"),
        ("components.gates.rules", "components.registry", "must not import components.registry"),
        ("services.requests", "components.core", "must not import components.core"),
        ("models.galaxies.scoring", "models.estimators", "must not import models.estimators"),
        ("components.training.run", "components.data.simulation", "not from components.data"),
        ("components.lifecycle.judging", "components.gates.comparison", "not from components.gates"),
        ("flows.steps", "models.estimators.saved", "not from models.estimators"),
        ("components.ledger.table", "components.ledger.ledger", "circle"),
        ("components.lifecycle.lineage", "mlflow", "imports mlflow"),
        ("components.training.run", "prefect", "imports prefect"),
        ("components.evidence.card", "sqlalchemy", "imports sqlalchemy"),
        ("components.core.code", "services.manifest", "imports services.manifest"),
        ("components.ledger.table", "components.ledger", "the face of its own wing"),
        ("components.evidence.evaluation", "components.evidence.numbers", "circle"),
        ("models", "components.core", "models must not import components.core"),
        ("components", "flows", "components must not import flows"),
        ("assay.client", "models.fields", "assay.client must not import models.fields"),
        ("flows.cli", "assay.__main__", "flows must not import assay.__main__"),
    ],
)
def test_every_kind_of_fault_is_found(graph: ImportGraph, importer: str, imported: str, said: str) -> None:
    assert importer in graph.modules
    assert imported in graph.modules
    graph.add_import(importer=importer, imported=imported)
    if said == "circle":  # a room that would be asked by what it asks
        graph.add_import(importer="components.evidence.timing", imported="components.evidence.evaluation")
    assert any(said in fault for fault in faults(graph)), faults(graph)


@pytest.mark.parametrize("module", ["components.reporting.page", "models.helper", "components.hall"])
def test_a_module_on_no_floor_is_found(graph: ImportGraph, module: str) -> None:
    graph.add_module(module)
    assert f"{module} is on no floor" in faults(graph)


@pytest.mark.parametrize("wing", ROOMS)
def test_a_room_that_meets_another_is_found(graph: ImportGraph, wing: str) -> None:
    for name in ("one", "other"):
        graph.add_module(f"{wing}.{name}")
        graph.add_module(f"{wing}.{name}.thing")
    graph.add_import(importer=f"{wing}.one.thing", imported=f"{wing}.other.thing")
    assert f"{wing}.one.thing imports {wing}.other.thing of another room" in faults(graph)


def test_an_import_for_type_checking_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("low", "high"):
        (tmp_path / "hall").mkdir(exist_ok=True)
        (tmp_path / "hall" / "__init__.py").touch()
        (tmp_path / "hall" / f"{name}.py").touch()
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hall import high\n"
    (tmp_path / "hall" / "low.py").write_text(text)
    (tmp_path / "hall" / "high.py").write_text("def f():\n    from hall import low\n    return low\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(circles(grimp.build_graph("hall", cache_dir=None)))


def test_every_name_of_a_face_is_there_and_is_no_module() -> None:
    """A function and a module of one name would stand in each other's way."""
    faces = [path for folder in ("components", "models") for path in (HOUSE / folder).rglob("__init__.py")]
    assert len(faces) > 15
    for path in faces:
        face = importlib.import_module(".".join(path.parent.relative_to(HOUSE).parts))
        for name in getattr(face, "__all__", ()):
            assert not inspect.ismodule(getattr(face, name)), f"{face.__name__}.{name}"


def test_components_holds_wings_only() -> None:
    assert [path.name for path in (HOUSE / "components").glob("*.py")] == ["__init__.py"]


def test_nothing_else_is_imported_by_string() -> None:
    ways = {"import_module", "resolve_name", "__import__", "run_module", "run_path", "find_spec", "module_from_spec"}
    found = set()
    for folder in PACKAGES:
        for path in (HOUSE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
                if name in ways:
                    found.add(str(path.relative_to(HOUSE)))
    assert found == set(BY_STRING)


ENVIRONMENT = {
    "components/core/environment.py": "reads variables, and makes children's environments",
    "components/core/workspace.py": "sets those of the tools, before they are imported",
    "flows/cli.py": "`--debug`, before Prefect is imported",
    "flows/server.py": "tells Prefect of its server",
    "flows/server_process.py": "tells the server of its port",
    "flows/ui.py": "tells the dashboards of their databases",
    "models/devices.py": "which device computes; `models` knows nothing of `components`",
    "models/galaxies/fitting/library.py": "finds the compiler; `models` knows nothing of `components`",
    "assay/__main__.py": "before any other module",
    "assay/client.py": "stands alone",
    "services/answering.py": "stands alone in a package",
    "services/callers.py": "stands alone in a package",
    "services/limits.py": "stands alone in a package",
    "services/records.py": "stands alone in a package",
    "services/verify.py": "stands alone",
}
"""Where a process's variables are met, and what for."""


def source_lines() -> Iterator[tuple[str, str]]:
    """Every line of code, documentation left out, with its file."""
    for folder in PACKAGES:
        for path in (HOUSE / folder).rglob("*.py"):
            for line in ast.unparse(read_code(path)).splitlines():
                yield str(path.relative_to(HOUSE)), line


def test_variables_are_met_in_few_places() -> None:
    assert {name for name, line in source_lines() if "environ" in line and "os." in line} == set(ENVIRONMENT)
    assert not [name for name, line in source_lines() if "getenv" in line]


def test_no_address_of_a_database_is_put_together_elsewhere() -> None:
    """One made by hand puts a database beside the state folder when a path has a letter that addresses use."""
    assert {name for name, line in source_lines() if "sqlite:///" in line} == {"components/core/databases.py"}


def test_every_stage_name_is_written_in_one_place() -> None:
    from components.ledger import STAGES

    for folder in ("components", "flows", "services"):
        for path in (HOUSE / folder).rglob("*.py"):
            if path == HOUSE / "components" / "ledger" / "stages.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                written = isinstance(node, ast.Constant) and node.value in STAGES
                assert not written, f"{path}:{getattr(node, 'lineno', 0)}"
