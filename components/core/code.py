"""What code decides a result: the modules that its entry points reach by imports, and a digest of what each does.

    code_of("components.training.run", "models.networks.cnn").as_inputs()     # {"code": {…}, "libraries": {…}}

A result's key is made of this, so that changed code makes the result anew, and a moved or renamed module does not. Each
module that can be reached says by a line of its own whether it decides anything:

    __label__ = "trainer"     # it does; keys call it so, wherever it lies
    __label__ = None          # it does not (messages, files, pictures): neither it nor what it imports counts
    __sources__ = ("fit.h", "step.c")      # files beside it that it compiles: each counts, letter by letter

Everything is read from the source text, never imported. Names count by where they are defined, not by how they were
imported: import statements, their order, aliases and the faces (`__init__`) in between change nothing, nor do comments,
docstrings, layout, what is imported for type checking only, and the version of Python.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

from components.core.digests import file_sha256
from components.core.file_states import FileState
from components.core.house import DECIDING, HOUSE, house_state
from components.core.meaning import LABEL, is_label, meaning_digest, read_code
from components.core.members import Members, member_code

__label__ = None

EntryPoint = str | type | Callable[..., Any] | Members
"""Where a result begins: a function or class, which stands for its module, the dotted name of a module, or members."""

_SOURCES = "__sources__"
_WITHOUT_NUMBERS = {"filelock", "pydantic", "tqdm"}
"""Libraries that deciding modules use and that cannot move a number; every other one belongs to the key."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """The code behind one kind of result."""

    digests: Mapping[str, str]
    """Label of each module to the digest of what it does."""
    libraries: tuple[str, ...]
    """What those modules import from elsewhere."""
    files: tuple[Path, ...]
    """Where the modules lie today."""

    def as_inputs(self) -> dict[str, dict[str, str]]:
        """Plain values for a key: the digests, and the version of every library."""
        return {"code": dict(self.digests), "libraries": {name: _version(name) for name in self.libraries}}


def code_of(*entries: EntryPoint, unused: tuple[str, ...] = (), root: Path = HOUSE) -> Code:
    """The code that some modules and everything they import come to.

    Args:
        entries: where a result begins.
        unused: labels of modules that are imported and never called in this case; neither they nor what only they
            import counts.
        root: the folder that dotted names start from.

    Raises:
        ValueError: when a module is not there, has no `__label__`, or has that of another.
    """
    house = _house(root)
    waiting = [source for entry in entries for source in house.begin(entry)]
    found: dict[str, _Source] = {}
    seen: set[str] = set()
    libraries: set[str] = set()
    while waiting:
        source = waiting.pop()
        if source.label is None or source.label in unused:
            continue
        twin = found.setdefault(source.label, source)
        if twin.name != source.name:
            raise ValueError(f"{twin.path} and {source.path} have one {LABEL}, {source.label!r}: give each its own")
        modules, own_libraries = house.imports(source)
        libraries |= own_libraries
        waiting += [house.source(name) for name in sorted(modules - seen)]
        seen |= modules
    digests = {label: house.digest(source) for label, source in found.items()}
    beside = {f"{label}/{file.name}": file for label, source in found.items() for file in source.beside}
    digests |= {label: file_sha256(file) for label, file in beside.items()}
    return Code(
        digests=dict(sorted(digests.items())),
        libraries=tuple(sorted(libraries - _WITHOUT_NUMBERS)),
        files=tuple(sorted([*beside.values(), *(source.path for source in found.values())])),
    )


def imported_files(*entries: str, root: Path = HOUSE) -> list[Path]:
    """Every file of ours that is read when some modules are imported and used, faces and compiled sources included."""
    finder = ModuleFinder([str(root)])
    for entry in entries:
        finder.import_hook(entry)
    # mypy takes the modules found for imported ones.
    named = (getattr(module, "__file__", None) for module in finder.modules.values())
    files = [Path(file) for file in named if file]
    return sorted([*files, *(beside for file in files for beside in _beside(read_code(file), file))])


@dataclass(frozen=True)
class _Source:
    """One module as it was read: documentation and imports for type checking left out."""

    name: str
    path: Path
    tree: ast.Module = field(compare=False)
    label: str | None
    beside: tuple[Path, ...] = ()
    """What it compiles."""


def _label(tree: ast.Module, path: Path) -> str | None:
    for line in tree.body:
        if is_label(line):
            label = ast.literal_eval(line.value)
            return None if label is None else str(label)
    raise ValueError(f"{path} has no {LABEL}: name it, or None if it decides nothing")


def _beside(tree: ast.Module, path: Path) -> tuple[Path, ...]:
    for line in tree.body:
        if isinstance(line, ast.Assign) and [getattr(name, "id", "") for name in line.targets] == [_SOURCES]:
            return tuple(path.with_name(str(name)) for name in ast.literal_eval(line.value))
    return ()


def _house(root: Path) -> "_House":
    """The modules below a folder; those of our own are read once by a process, and again when a file has changed."""
    return _own_house(house_state(HOUSE)) if root == HOUSE else _House(root)


@lru_cache(maxsize=1)
def _own_house(state: tuple[FileState, ...]) -> "_House":  # noqa: ARG001
    return _House(HOUSE)


class _House:
    """The modules below a folder, each looked for and read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path, self.source, self.defined = cache(self._path), cache(self._source), cache(self._defined)
        self.digest, self.imports = cache(self._digest), cache(self._imports)

    def begin(self, entry: EntryPoint) -> list[_Source]:
        """The modules, or parts of them, that an entry point stands for."""
        if isinstance(entry, Members):
            pieces = member_code(entry, lambda name: self.source(name).tree)
            whole = [(self.source(piece.module), piece) for piece in pieces]
            return [
                _Source(f"{of.name}:{piece.name}", of.path, piece.tree, of.label and f"{of.label}.{piece.name}")
                for of, piece in whole
            ]
        return [self.source(entry if isinstance(entry, str) else entry.__module__)]

    def _path(self, name: str) -> Path | None:
        """The file of a module; None for one that is not ours."""
        if self._root == HOUSE and name.partition(".")[0] not in DECIDING:  # the house may lie among libraries
            return None
        stem = self._root.joinpath(*name.split("."))
        return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)

    def _source(self, name: str) -> _Source:
        """A module of ours."""
        path = self.path(name)
        if path is None:
            raise ValueError(f"{self._root} has no module {name}")
        tree = read_code(path)
        return _Source(name, path, tree, _label(tree, path), _beside(tree, path))

    def _defined(self, module: str, name: str) -> tuple[str, str | None]:
        """Where a name of a module comes from: (module, name), or (module, None) for a module.

        Faces pass names on, and so may modules that decide nothing themselves.
        """
        path = self.path(module)
        if path is None or (path.name != "__init__.py" and self.source(module).label is not None):
            return module, name
        listed = path.with_suffix(".pyi")  # a lazy face has its names there
        for line in read_code(listed if listed.is_file() else path).body:
            if isinstance(line, ast.ImportFrom):
                for alias in line.names:
                    whole = _absolute(line, module)
                    if (alias.asname or alias.name) == name and self.path(whole) is not None:
                        return self.defined(whole, alias.name)
        if path.name == "__init__.py" and self.path(f"{module}.{name}") is not None:
            return f"{module}.{name}", None
        return module, name

    def origin(self, dotted: str) -> str:
        """A dotted name by labels: where what it stands for is defined, wherever that lies today."""
        module, *rest = dotted.split(".")
        while rest and self.path(f"{module}.{rest[0]}") is not None:
            module = f"{module}.{rest.pop(0)}"
        if self.path(module) is None:
            return dotted
        if rest:
            module, name = self.defined(module, rest.pop(0))
            rest = [name, *rest] if name else rest
        return ".".join([f"<{self.source(module).label}>", *rest])

    def _digest(self, source: _Source) -> str:
        """What a module does."""
        return meaning_digest(source.tree, self.origin)

    def _imports(self, source: _Source) -> tuple[set[str], set[str]]:
        """Modules of ours that a module imports, those behind faces, and libraries."""
        modules, libraries = set(), set()
        for node in ast.walk(source.tree):
            wanted: list[tuple[str, str | None]]
            if isinstance(node, ast.Import):
                wanted = [(alias.name, None) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    raise ValueError(f"{source.path}, line {node.lineno}: an import by dots: write the whole name")
                wanted = [(str(node.module), alias.name) for alias in node.names]
            else:
                continue
            for module, name in wanted:
                if self.path(module) is not None:
                    modules.add(self.defined(module, name)[0] if name else module)
                elif name and self.path(f"{module}.{name}") is not None:
                    modules.add(f"{module}.{name}")
                else:
                    libraries.add(module.partition(".")[0])
        return modules, libraries - set(sys.stdlib_module_names)


def _absolute(line: ast.ImportFrom, package: str) -> str:
    return ".".join(part for part in (package if line.level else "", line.module) if part)


def _version(module: str) -> str:
    """Of an imported library; a local label such as +cpu tells builds of one version apart."""
    try:
        return version(module).partition("+")[0]
    except PackageNotFoundError:
        names = packages_distributions().get(module)
        return version(names[0]).partition("+")[0] if names else "not installed"
