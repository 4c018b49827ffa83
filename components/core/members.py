"""What a class decides through some of its members: those, and what of its module they use.

    pieces = member_code(Members(of=problem, names=("draw",)), read)

A problem's class is asked by every step, so that its whole module would make everything stale at each change. A member
counts by its own text, with the definitions and imports of its module that it names, and so on; members that it calls
on `self` or `super()` count too, wherever in the class's family they are defined.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__label__ = None


@dataclass(frozen=True, kw_only=True)
class Members:
    """Some members of an object."""

    of: Any
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One member, as a module that has nothing else."""

    module: str
    """Dotted name of the module that it is part of."""
    name: str
    tree: ast.Module


def member_code(members: Members, read: Callable[[str], ast.Module]) -> Iterator[Piece]:
    """Each member and whatever it calls on itself.

    Args:
        members: where to begin.
        read: from a module's dotted name to its syntax tree.

    Raises:
        ValueError: when there is no such member.
    """
    family = type(members.of).__mro__
    waiting = [(name, 0) for name in members.names]
    seen = set(waiting)
    while waiting:
        name, first = waiting.pop()
        place = next((place for place in range(first, len(family)) if name in vars(family[place])), None)
        if place is None:
            raise ValueError(f"{type(members.of).__qualname__} has no member {name}")
        owner = family[place]
        if owner.__module__ in ("abc", "builtins"):
            continue
        tree = read(owner.__module__)
        classes = (line for line in ast.walk(tree) if isinstance(line, ast.ClassDef))
        body = next(line.body for line in classes if line.name == owner.__name__)
        own = [line for line in body if name in _bound(line)]
        yield Piece(
            module=owner.__module__,
            name=name if first == 0 else f"{owner.__name__}.{name}",
            tree=ast.Module(body=[*_used(own, tree), *own], type_ignores=[]),
        )
        called = {(other, 0) for line in own for other in _asked_of_itself(line) if hasattr(type(members.of), other)}
        called |= {(other, place + 1) for line in own for other in _asked_above(line)}
        waiting += sorted(called - seen)
        seen |= called


def _asked_of_itself(line: ast.stmt) -> Iterator[str]:
    for node in ast.walk(line):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            yield node.attr


def _asked_above(line: ast.stmt) -> Iterator[str]:
    """What it asks of `super()`."""
    for node in ast.walk(line):
        above = node.value.func if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call) else None
        if isinstance(node, ast.Attribute) and isinstance(above, ast.Name) and above.id == "super":
            yield node.attr


def _used(lines: list[ast.stmt], tree: ast.Module) -> list[ast.stmt]:
    """The lines of a module that some of its lines name, and those that these name, in the module's order."""
    named: set[str] = set()
    waiting: list[ast.AST] = list(lines)
    found: set[int] = set()
    while waiting:
        names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)} - named
        named |= names
        for number, line in enumerate(tree.body):
            if number not in found and not isinstance(line, ast.Import | ast.ImportFrom) and names & _bound(line):
                found.add(number)
                waiting.append(line)
    kept: list[ast.stmt] = []
    for number, line in enumerate(tree.body):
        if isinstance(line, ast.ImportFrom):
            aliases = [alias for alias in line.names if (alias.asname or alias.name) in named]
            kept += [ast.ImportFrom(module=line.module, names=aliases, level=line.level)] if aliases else []
        elif isinstance(line, ast.Import):
            aliases = [alias for alias in line.names if (alias.asname or alias.name.partition(".")[0]) in named]
            kept += [ast.Import(names=aliases)] if aliases else []
        elif number in found and line not in lines:
            kept.append(line)
    return kept


def _bound(line: ast.stmt) -> set[str]:
    """The names that a line of a module or class defines."""
    if isinstance(line, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {line.name}
    if isinstance(line, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in line.names}
    stores = (node for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stores}
