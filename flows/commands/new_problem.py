"""The command that begins a problem: a small one that runs, ready to be changed."""

import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from components.core import AssayError, Workspace
from flows import console
from flows.commands.options import AsJson

_TEMPLATES = Path(__file__).parents[1] / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_REGISTERED = "_CLASSES = {"
_PROBLEMS = re.compile(r"^problems:[ ]*(#.*)?$", flags=re.MULTILINE)


def new_problem(
    name: Annotated[str, typer.Argument(help="Its name, in small letters, digits and hyphens, such as my-problem.")],
    as_json: AsJson = False,
) -> None:
    """Write a small problem that runs, with its tests and settings, ready to be changed."""
    written = write_problem(Workspace.find().root, name)
    if as_json:
        console.print_json({"problem": name, "files": written})
        return
    for file in written:
        console.out.print(f"  {file}", markup=False)
    console.out.print(f"\nNext: commit it, then assay run {name}; change what you need, CONTRIBUTING.md says how")


def write_problem(root: Path, name: str) -> list[str]:
    """Write a problem into a clone; the line that registers it goes last, so that one which is known is whole.

    Args:
        root: the clone.
        name: of the problem.

    Returns:
        The files that were written or changed, from the root.

    Raises:
        AssayError: when the name cannot be one, or is taken, or the folder is no clone of Assay's code.
    """
    if not _NAME.fullmatch(name):
        raise AssayError(f"problem name {name!r}: must be small letters, digits and hyphens, such as my-problem")
    module = name.replace("-", "_")
    class_name = "".join(word.capitalize() for word in name.split("-"))
    registry, params = root / "components" / "problems" / "__init__.py", root / "params.yaml"
    if not registry.is_file():
        raise AssayError(f"{root} has no components/problems: type this in a clone of Assay")
    known = registry.read_text(encoding="utf-8")
    if f'"{name}"' in known:
        raise AssayError(f"{name} is a problem already: choose another name")
    if re.search(rf"\b{class_name}\b", (_TEMPLATES / "problem.py.txt").read_text(encoding="utf-8")):
        raise AssayError(f"problem name {name!r}: {class_name} means something else in its module: choose another name")
    names = {"name": name, "label": module, "class_name": class_name}
    files = {
        root / "components" / "problems" / f"{module}.py": _filled("problem.py", names),
        root / "tests" / "model" / "problems" / f"test_{module}.py": _filled("test_problem.py", names),
    }
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise AssayError(f"{path} is there already: move it away, or choose another name")
    sections = params.read_text(encoding="utf-8")
    if f"\n  {name}:\n" not in sections:  # it is there when this was killed before the last line
        # First of all problems: whatever follows them in the file stays where it is.
        filled = _filled("params.yaml", names).strip("\n")
        files[params], found = _PROBLEMS.subn(lambda line: f"{line[0]}\n{filled}\n", sections, count=1)
        if not found:
            raise AssayError(f"{params} has no line `problems:`: add it")
    line = f'    "{name}": "{module}:{class_name}",\n'
    listed, closed = known.index(_REGISTERED) + len(_REGISTERED), known.index("}", known.index(_REGISTERED))
    others = known[listed:closed].strip().rstrip(",")
    before = f"\n    {others},\n" if others else "\n"
    files[registry] = known[:listed] + before + line + known[closed:]
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return [str(path.relative_to(root)) for path in files]


def _filled(template: str, names: dict[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(names)
