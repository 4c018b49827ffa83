"""Read params.yaml: one problem's settings, checked, with a message that names what is wrong.

    settings = load_settings(Path("params.yaml"), "galaxy-shape", GalaxyShape.settings, size="demo")

A misspelt key, a wrong type or a value out of range is an `AssayError` that names the key.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from components.core.errors import AssayError
from components.core.ranges import Span
from components.core.settings import ProblemSettings

Settings = TypeVar("Settings", bound=ProblemSettings)
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_OF_SOURCE = ("union_tag_invalid", "union_tag_not_found")
_SOURCE = "source"
"""Key of a section that says which of several kinds it is, such as images that are drawn or read."""


def load_settings(
    path: Path,
    problem: str,
    settings: type[Settings],
    *,
    size: str = "demo",
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read one problem's settings.

    Args:
        path: params.yaml.
        problem: name of the problem, a key under `problems`.
        settings: the problem's own class of them.
        size: `demo` is the sections as they stand; any other name is a key under `sizes`, whose values go on top.
        overrides: values from the command line, by section, on top of those.

    Raises:
        AssayError: in one line, with the key, its value and what would be right.
    """
    document = _read(path)
    unknown = set(document) - {"profile", "problems"}
    if unknown:
        raise AssayError(f"{path.name}: unknown key {_hint(unknown.pop(), ['profile', 'problems'])}")
    _profile_of(document, path)
    problems = document.get("problems") or {}
    if problem not in problems:
        raise AssayError(f"{path.name}: no section problems.{problem}: it has {', '.join(sorted(problems)) or 'none'}")
    sections = dict(problems[problem])
    sizes = sections.pop("sizes", None) or {}
    if size != "demo":
        if size not in sizes:
            raise AssayError(
                f"{path.name}: no size {size!r} under problems.{problem}.sizes: try demo or "
                f"{', '.join(sizes) or 'add one'}"
            )
        sections = _overlay(sections, sizes[size])
    sections = _overlay(sections, overrides or {})
    where = f"problems.{problem}"
    typed = {f"{section}.{key}" for section, values in (overrides or {}).items() for key in values}
    return _with_places(_check(settings, sections, path, where, typed), path.parent)


def read_profile(path: Path) -> str:
    """Which profile params.yaml says: `local` or `cluster`.

    Raises:
        AssayError: when it says another.
    """
    return _profile_of(_read(path), path)


def _profile_of(document: Mapping[str, Any], path: Path) -> str:
    profile = document.get("profile", "local")
    if profile not in ("local", "cluster"):
        raise AssayError(f"{path.name}: profile = {profile!r}: must be local or cluster")
    return str(profile)


def _with_places(settings: Settings, root: Path) -> Settings:
    """Settings whose relative paths start from the folder of params.yaml, wherever the command was typed."""
    known = [of.name for of in fields(settings.simulate) if of.metadata.get("place")]
    places: dict[str, Any] = dict.fromkeys(known, str(root.resolve()))
    return replace(settings, simulate=replace(settings.simulate, **places)) if places else settings


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise AssayError(f"{path.name}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(document, dict):
        raise AssayError(f"{path.name}: must hold keys, not {type(document).__name__}")
    return document


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    if top.get(_SOURCE, base.get(_SOURCE)) != base.get(_SOURCE):
        return dict(top)  # of another source nothing stays: its keys mean other things
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check(cls: type[Settings], values: Any, path: Path, where: str, typed: set[str]) -> Settings:
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        # A misspelt key is also a missing one: the former says more.
        first = min(error.errors(), key=lambda found: found["type"] not in _UNKNOWN)
        location, of_space = _in_file(_without_source([str(part) for part in first["loc"]], values))
        key = ".".join([where, *location])
        if first["type"] in _OF_SOURCE:
            raise AssayError(_source_said(path, key, first)) from error
        if first["type"] in _UNKNOWN and any(key.endswith(f".{name}") for name in typed):
            raise AssayError(
                f"--{location[-1]} {first.get('input')}: {where}.{location[0]} of {path.name} has no {location[-1]}: "
                "leave it out"
            ) from error
        if first["type"] in _UNKNOWN:
            known = _known(cls, [str(part) for part in first["loc"]][:-1])
            raise AssayError(
                f"{path.name}: unknown key {where}.{'.'.join([*location[:-1], ''])}{_hint(location[-1], known)}"
            ) from error
        said = "must be a list of values, or {low, high}" if of_space else first["msg"].removeprefix("Value error, ")
        shown = first.get("input")
        value = f" = {shown!r}" if not isinstance(shown, dict) and "ArgsKwargs" not in repr(shown) else ""
        if any(key.endswith(f".{name}") for name in typed):  # it came from the command line
            raise AssayError(f"--{location[-1]} {shown}: {said}") from error
        missing = first["type"] in ("missing", "missing_argument")
        raise AssayError(f"{path.name}: {key}{'' if missing else value}: {said}") from error


def _source_said(path: Path, key: str, found: Mapping[str, Any]) -> str:
    """That a section does not say which of its kinds it is, and which there are."""
    kinds = " or ".join(re.findall(r"'(\w+)'", str(found.get("ctx", {}).get("expected_tags", ""))))
    tag = found.get("ctx", {}).get("tag")
    if tag is None:
        return f"{path.name}: {key}.{_SOURCE} is missing: say which kind of section it is"
    return f"{path.name}: {key}.{_SOURCE} = {tag!r}: must be {kinds}"


def _without_source(location: list[str], values: Any) -> list[str]:
    """Where something is wrong without the kind of a section, which pydantic adds behind its name."""
    section = values.get(location[0], {}) if location and isinstance(values, Mapping) else {}
    kind = section.get(_SOURCE) if isinstance(section, Mapping) else None
    return [location[0], *location[2:]] if kind is not None and location[1:2] == [kind] else location


def _in_file(location: list[str]) -> tuple[list[str], bool]:
    """Where something is wrong, as keys of the file, and whether it is a list of values to search.

    Within `search.space` pydantic adds which of two kinds it took the entry for, and its place and type in it.
    """
    if location[:2] != ["search", "space"] or len(location) < 4:
        return location, False
    of_values = location[3] == "values"
    return location[:3] + ([] if of_values else location[4:]), of_values


def _known(cls: Any, location: list[str]) -> list[str]:
    if location[:2] == ["search", "space"]:
        return list(Span.__dataclass_fields__)
    for part in location:
        field = getattr(cls, "__dataclass_fields__", {}).get(part)
        cls = field.type if field is not None else _of_source(cls, part)
    return list(getattr(cls, "__dataclass_fields__", {}))


def _of_source(kinds: Any, source: str) -> Any:
    """The class of a section of that kind, of several that a discriminated union has."""
    for cls in get_args(get_args(kinds)[0]) if get_args(kinds) else ():
        if source in get_args(cls.__dataclass_fields__[_SOURCE].type):
            return cls
    return None


def _hint(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"{key}: did you mean {close[0]}?" if close else f"{key}: known are {', '.join(known)}"
