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

__label__ = None

LABEL = "__label__"
"""The name by which a module says whether it decides anything; see `code.py`."""

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, *_COMPREHENSIONS)

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
            body[:] = [kept for line in body for kept in _counting(line)]
    return tree


def _counting(line: ast.AST) -> list[ast.AST]:
    """What of a line counts: nothing of documentation, and of imports for type checking what is done otherwise."""
    if _is_for_type_checking(line):
        return [kept for other in line.orelse for kept in _counting(other)]
    return [] if _is_documentation(line) else [line]


def _is_documentation(line: ast.AST) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _is_for_type_checking(line: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(line, ast.If) and isinstance(line.test, ast.Name) and line.test.id == "TYPE_CHECKING"


def _names(scope: ast.AST, outer: Mapping[str, str]) -> dict[str, str]:
    """What names stand for within a scope: imported ones for their dotted origin, all others for themselves.

    Only where that is beyond doubt: a name that is bound twice, by an argument, by an assignment, or under a condition
    stays as it is written, and its import with it.
    """
    if isinstance(scope, ast.ClassDef):  # its methods do not see its names
        return dict(outer)
    arguments = ast.walk(scope.args) if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else ()
    bound = [argument.arg for argument in arguments if isinstance(argument, ast.arg)]
    bound += [name for node in _within(scope) for name in _binds(node)]
    names = {name: origin for name, origin in outer.items() if name not in bound}
    body = getattr(scope, "body", [])
    for line in body if isinstance(body, list) else []:  # that of a lambda is an expression
        names |= {name: origin for name, origin in _imported(line).items() if bound.count(name) == 1}
    return names


def _imported(line: ast.AST) -> dict[str, str]:
    """What an import binds: name to dotted origin."""
    if isinstance(line, ast.Import):
        whole = {alias.asname or alias.name.partition(".")[0]: alias for alias in line.names}
        return {name: alias.name if alias.asname else name for name, alias in whole.items()}
    if isinstance(line, ast.ImportFrom):
        return {alias.asname or alias.name: f"{line.module}.{alias.name}" for alias in line.names}
    return {}


def _binds(node: ast.AST) -> list[str]:
    """The names that one node binds in its scope; every import binds a library's name once, however often written."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Global | ast.Nonlocal):
        return [*node.names, *node.names]  # another scope's name, too
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return list(_imported(node))


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope; of scopes within it only that they are there."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, _SCOPES):
            yield from _within(node)


def _meaning(node: Any, names: Mapping[str, str], origin: Origin) -> Any:
    """A syntax tree as plain lists: no positions, nothing that is empty, and every imported name by its origin."""
    if isinstance(node, list):
        parts = [_meaning(item, names, origin) for item in node]
        return [part for part in parts if part is not None]
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, _SCOPES):
        names = _names(node, names)
    dotted = _dotted(node, names)
    if dotted is not None:
        return ["Imported", origin(dotted)]
    if is_label(node):
        return None
    if isinstance(node, ast.Import | ast.ImportFrom):
        doubtful = {name: origin(dotted) for name, dotted in _imported(node).items() if names.get(name) != dotted}
        return ["Import", *map(list, doubtful.items())] if doubtful else None
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", _merged(_meaning(node.values, names, origin))]
    fields = {name: value for name, value in ast.iter_fields(node) if name not in ("ctx", "kind", "type_comment")}
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]
    return [
        type(node).__name__,
        *([name, _meaning(value, names, origin)] for name, value in fields.items() if value not in (None, [])),
    ]


def _merged(parts: list[Any]) -> list[Any]:
    """The parts of an f-string, its text in one piece: versions of Python cut it differently."""
    merged: list[Any] = []
    for part in parts:
        if part == ["Constant", "''"]:
            continue
        if part[0] == "Constant" and merged and merged[-1][0] == "Constant":
            merged[-1] = ["Constant", repr(ast.literal_eval(merged[-1][1]) + ast.literal_eval(part[1]))]
        else:
            merged.append(part)
    return merged


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
