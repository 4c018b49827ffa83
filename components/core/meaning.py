"""What the text of a module does, as a digest: the same for the same meaning, whatever it looks like.

    meaning_digest(read_code(path), origin=lambda dotted: dotted)

Comments, docstrings, layout and imports for type checking do not count, nor does the version of Python. Imported names
count by where they come from; import statements themselves, their order and their aliases do not.
"""

import ast
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

LABEL = "__label__"
"""The name by which a module says whether it decides anything; see `code.py`."""

_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Origin = Callable[[str], str]
"""From a dotted name, as an import spells it, to the name that keys call it by."""


def meaning_digest(tree: ast.Module, origin: Origin) -> str:
    """SHA-256 of what a module does."""
    return hashlib.sha256(json.dumps(_meaning(tree, {}, origin)).encode()).hexdigest()


def read_code(path: Path) -> ast.Module:
    """The syntax tree of a file, without documentation and imports for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [line for line in body if not (_is_documentation(line) or _is_for_type_checking(line))]
    return tree


def _is_documentation(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _is_for_type_checking(line: ast.AST) -> bool:
    return isinstance(line, ast.If) and isinstance(line.test, ast.Name) and line.test.id == "TYPE_CHECKING"


def _bindings(scope: ast.AST) -> dict[str, str]:
    """What the imports of a scope, but not of those within it, bind: name to dotted origin."""
    bound: dict[str, str] = {}
    for node in _within(scope):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                bound[alias.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, _SCOPES):
            yield node
            yield from _within(node)


def _meaning(node: Any, names: Mapping[str, str], origin: Origin) -> Any:
    """A syntax tree as plain lists: no positions, nothing that is empty, and every imported name by its origin."""
    if isinstance(node, list):
        parts = [_meaning(item, names, origin) for item in node]
        return [part for part in parts if part is not None]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, _SCOPES):
        names = {**names, **_bindings(node)}
    dotted = _dotted(node, names)
    if dotted is not None:
        return ["Imported", origin(dotted)]
    if isinstance(node, ast.Import | ast.ImportFrom) or is_label(node):
        return None
    fields = {name: value for name, value in ast.iter_fields(node) if name not in ("ctx", "kind", "type_comment")}
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]
    return [
        type(node).__name__,
        *([name, _meaning(value, names, origin)] for name, value in fields.items() if value not in (None, [])),
    ]


def _dotted(node: ast.AST, names: Mapping[str, str]) -> str | None:
    """The full name behind an imported name or an attribute of one."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, names)
        return f"{before}.{node.attr}" if before else None
    return None


def is_label(node: ast.AST) -> TypeGuard[ast.Assign]:
    """Whether a line is a module's label."""
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == LABEL
