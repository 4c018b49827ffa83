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

LAYERS: list[str | set[str]] = [
    "flows",
    "components.lifecycle",
    {"components.problems", "components.packages", "components.registry", "components.gates"},
    {"components.evidence", "components.training", "components.simulators", "components.ledger"},
    "components.data",
    "components.fields",
    "components.core",
    "services",
    {"models.estimators"},
    {"models.galaxies", "models.networks"},
    "models.layers",
]
"""From the roof to the ground; wings on one floor do not import each other."""

TOOLS = {
    "bentoml": ("services",),
    "galsim": ("components.simulators",),
    "great_expectations": ("components.data",),
    "mlflow": ("components.registry",),
    "optuna": ("components.training",),
    "prefect": ("flows",),
}
"""Which wing meets a tool; no other does."""

BY_STRING = {"components/problems/__init__.py", "models/networks/__init__.py"}
"""What finds a problem or network of a name imports it by name, from its own folder."""


@pytest.fixture
def graph() -> ImportGraph:
    return grimp.build_graph(
        "components", "models", "services", "flows", include_external_packages=True, cache_dir=None
    )


def faults(graph: ImportGraph) -> list[str]:
    """What is wrong with a house, one line each."""
    return [*upward(graph), *behind_faces(graph), *circles(graph), *strangers(graph)]


def upward(graph: ImportGraph) -> Iterator[str]:
    for found in graph.find_illegal_dependencies_for_layers(LAYERS):
        yield f"{found.importer} must not import {found.imported}"


def behind_faces(graph: ImportGraph) -> Iterator[str]:
    for importer, imported in imports(graph):
        is_face = imported in packages(graph) or imported.count(".") == 1
        if wing(importer) != wing(imported) and not is_face:
            yield f"{importer} imports {imported}, not from {imported.rpartition('.')[0]}"


def circles(graph: ImportGraph) -> Iterator[str]:
    """A face passes names on: what it imports itself is no arrow of those who use it."""
    faces = packages(graph)
    arrows: dict[str, set[str]] = {}
    for importer, imported in imports(graph):
        if importer not in faces:
            arrows.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        yield f"circle: {' → '.join(error.args[1])}"


def strangers(graph: ImportGraph) -> Iterator[str]:
    for tool, wings in TOOLS.items():
        for importer in graph.find_modules_that_directly_import(tool):
            if not importer.startswith(wings):
                yield f"{importer} imports {tool}, which {' and '.join(wings)} meets"


def packages(graph: ImportGraph) -> set[str]:
    return {module for module in graph.modules if not graph.is_module_squashed(module) and graph.find_children(module)}


def imports(graph: ImportGraph) -> Iterator[tuple[str, str]]:
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            if not graph.is_module_squashed(imported):
                yield importer, imported


def wing(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] in ("components", "models") else 1])


def test_the_house_has_no_fault(graph: ImportGraph) -> None:
    assert faults(graph) == []
    assert len(graph.modules) > 100


@pytest.mark.parametrize(
    ("importer", "imported", "said"),
    [
        ("components.core.workspace", "components.ledger", "must not import components.ledger"),
        ("components.simulators.sersic.shards", "components.problems", "must not import components.problems"),
        ("components.evidence.numbers.reference", "components.problems", "must not import components.problems"),
        ("components.gates.rules", "components.registry", "must not import components.registry"),
        ("services.trust", "components.core", "must not import components.core"),
        ("models.galaxies.scoring", "models.estimators", "must not import models.estimators"),
        ("components.training.run", "components.data.simulation", "not from components.data"),
        ("components.lifecycle.judging", "components.gates.comparison", "not from components.gates"),
        ("flows.steps", "models.estimators.saved", "not from models.estimators"),
        ("components.ledger.table", "components.ledger.ledger", "circle"),
        ("components.lifecycle.lineage", "mlflow", "imports mlflow"),
        ("components.training.run", "prefect", "imports prefect"),
    ],
)
def test_every_kind_of_fault_is_found(graph: ImportGraph, importer: str, imported: str, said: str) -> None:
    assert importer in graph.modules
    assert imported in graph.modules
    graph.add_import(importer=importer, imported=imported)
    assert any(said in fault for fault in faults(graph)), faults(graph)


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
    found = set()
    for folder in ("components", "models", "services", "flows"):
        for path in (HOUSE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom | ast.Import):
                    names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                    if names & {"importlib", "import_module", "resolve_name"}:
                        found.add(str(path.relative_to(HOUSE)))
    assert found == BY_STRING


def test_every_stage_name_is_written_in_one_place() -> None:
    from components.ledger import STAGES

    for folder in ("components", "flows", "services"):
        for path in (HOUSE / folder).rglob("*.py"):
            if path == HOUSE / "components" / "ledger" / "stages.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                written = isinstance(node, ast.Constant) and node.value in STAGES
                assert not written, f"{path}:{getattr(node, 'lineno', 0)}"
