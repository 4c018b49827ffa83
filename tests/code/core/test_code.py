"""Keys of code: what counts as a change, what does not, and which modules a result rests on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lazy_loader
import pytest

from components.core import code
from components.core.code import code_of, imported_files
from components.core.house import HOUSE

CODE = 'def f(x):\n    """Says what f does."""\n    return x + 1  # a reason\n'


def write(root: Path, **modules: str) -> Path:
    """Modules by dotted name with `__` for the dot, each labelled by the last part of its name."""
    for name, text in modules.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in path.parents[: len(name.split("__")) - 1]:
            (package / "__init__.py").touch()
        label = "" if "__label__" in text else f'__label__ = "{path.stem}"\n'
        path.write_text(label + text, encoding="utf-8")
    return root


def digest_of(root: Path, text: str) -> str:
    return code_of("simulator", root=write(root, simulator=text)).digests["simulator"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (CODE.replace("# a reason", "# another reason"), True),
        (CODE.replace("Says what f does.", "Says it better."), True),
        (CODE.replace("x + 1", "(x +\n            1)"), True),
        (f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy as np\n\n{CODE}", True),
        (CODE.replace("x + 1", "x + 2"), False),
        (CODE.replace("x + 1", "x + 1.0"), False),
        (CODE.replace("(x)", "(x, y=0)"), False),
    ],
)
def test_only_what_code_does_changes_its_digest(tmp_path: Path, text: str, same: bool) -> None:
    assert (digest_of(tmp_path, text) == digest_of(tmp_path, CODE)) is same


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("import numpy\n\nx = numpy.linalg.norm([3, 4])", True),
        ("from numpy.linalg import norm\n\nx = norm([3, 4])", True),
        ("from numpy import linalg as algebra\n\nx = algebra.norm([3, 4])", True),
        ("import numpy as np\n\nx = np.linalg.det([3, 4])", False),
        ("import cupy as np\n\nx = np.linalg.norm([3, 4])", False),
    ],
)
def test_names_count_by_where_they_come_from_however_they_are_imported(tmp_path: Path, text: str, same: bool) -> None:
    before = digest_of(tmp_path, "import numpy as np\n\nx = np.linalg.norm([3, 4])")
    assert (digest_of(tmp_path, text) == before) is same


def test_one_name_of_two_origins_in_two_functions_is_told_apart(tmp_path: Path) -> None:
    one = "def {0}():\n    from math import {1} as g\n    return g(1)\n"
    text = one.format("f", "sin") + one.format("h", "cos")
    swapped = one.format("f", "cos") + one.format("h", "sin")
    assert digest_of(tmp_path, text) != digest_of(tmp_path, swapped)


IMPORTS = "from math import sin as f\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\nelse:\n    K = 1\n", ("K = 1", "K = 2")),
        (
            "if X:\n    from math import sin as f\nelse:\n    from math import cos as f\ny = f(1)\n",
            ("if X", "if not X"),
        ),
        ("def g():\n    global f\n    from math import sin as f\n    return f(1)\n", ("sin", "cos")),
        ("try:\n    import numpy as np\nexcept ImportError:\n    np = None\n", ("numpy", "cupy")),
        ("class C:\n    from math import sin as f\n    y = f(1)\n", ("sin", "cos")),
        (IMPORTS + "f = str(f)\n", ("sin", "cos")),
        (IMPORTS + "y = [f for f in range(3)]\nz = f(1)\n", ("sin", "cos")),
    ],
)
def test_what_an_import_binds_is_told_apart_also_where_it_is_not_plain(
    tmp_path: Path, one: str, other: tuple[str, str]
) -> None:
    assert one.replace(*other) != one
    assert digest_of(tmp_path, one) != digest_of(tmp_path, one.replace(*other))


def test_an_argument_is_not_the_import_of_its_name(tmp_path: Path) -> None:
    imported = IMPORTS + "def g(x):\n    return f(x)\n"
    assert digest_of(tmp_path, imported) != digest_of(tmp_path, IMPORTS + "def g(f):\n    return f(x)\n")
    aliased = imported.replace("as f", "as h").replace("f(x)", "h(x)")
    assert digest_of(tmp_path, imported) == digest_of(tmp_path, aliased)
    shadowed = IMPORTS + "def g(f):\n    return f + 1\n"
    other = IMPORTS.replace("as f", "as h") + "def g(f):\n    return h + 1\n"
    assert digest_of(tmp_path, shadowed) != digest_of(tmp_path, other)


def test_an_import_by_dots_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, house__near="from .far import x\n", house__far="x = 1\n")
    with pytest.raises(ValueError, match=r"near\.py, line 2: an import by dots: write the whole name"):
        code_of("house.near", root=root)


def test_what_a_module_that_decides_nothing_passes_on_belongs_to_whoever_uses_it(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        entry="from words import number, say\n",
        words="__label__ = None\nfrom far import number\nfrom other import thing\n",
        far="number = 1\n",
        other="thing = 2\n",
    )
    assert set(code_of("entry", root=root).digests) == {"entry", "far"}


def test_moving_renaming_and_a_face_in_between_change_nothing(tmp_path: Path) -> None:
    flat = write(
        tmp_path / "flat",
        bound="def bound(x):\n    return 1 / x\n",
        job="from bound import bound\n\nimport bound as limits\n\ny = bound(2) + limits.bound(3)\n",
    )
    wings = write(
        tmp_path / "wings",
        house__limits__crb='__label__ = "bound"\n\n\ndef bound(x):\n    return 1 / x\n',
        house__work__job="from house.limits import bound\n\ny = bound(2) + bound(3)\n",
    )
    lazy = (tmp_path / "wings" / "house" / "limits" / "__init__.pyi").write_text
    eager = (tmp_path / "wings" / "house" / "limits" / "__init__.py").write_text
    for face in (lazy, eager):
        face("from .crb import bound as bound\n")
        assert code_of("house.work.job", root=wings).digests == code_of("job", root=flat).digests


def test_whatever_an_entry_imports_belongs_to_it_and_nothing_else_does(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        entry="def f():\n    from near import x\n    return x\n",
        near="import numpy as np\nfrom far import x\nfrom words import say\n",
        far="x = 1\n",
        words="__label__ = None\nimport yaml\nfrom beyond import y\n",
        beyond="y = 2\n",
        other="from far import x\n",
    )
    found = code_of("entry", root=root)
    assert set(found.digests) == {"entry", "near", "far"}
    assert set(found.libraries) == {"numpy"}
    assert set(code_of("entry", unused=("near",), root=root).digests) == {"entry"}


def test_a_module_without_a_label_or_with_that_of_another_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, entry="import near\n", near="x = 1\n")
    (root / "near.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"near\.py has no __label__"):
        code_of("entry", root=root)
    (root / "near.py").write_text('__label__ = "entry"\n')
    with pytest.raises(ValueError, match=r"near\.py and .*entry\.py|entry\.py and .*near\.py"):
        code_of("entry", root=root)
    with pytest.raises(ValueError, match="has no module nowhere"):
        code_of("nowhere", root=root)


def test_files_to_carry_are_those_that_an_import_reads(tmp_path: Path) -> None:
    root = write(tmp_path, house__near="import house.far\n", house__far="x = 1\n", house__other="x = 2\n")
    names = {str(file.relative_to(root)) for file in imported_files("house.near", root=root)}
    assert names == {"house/__init__.py", "house/near.py", "house/far.py"}


def test_what_a_module_compiles_counts_and_is_carried(tmp_path: Path) -> None:
    root = write(tmp_path, entry="import house.room\n", house__room='__sources__ = ("step.c", "fit.h")\n')
    for name in ("step.c", "fit.h", "other.c"):
        (root / "house" / name).write_text("int x;\n")
    before = code_of("entry", root=root)
    assert set(before.digests) == {"entry", "room", "room/step.c", "room/fit.h"}
    (root / "house" / "other.c").write_text("int y;\n")
    assert code_of("entry", root=root).digests == before.digests
    (root / "house" / "fit.h").write_text("int y;\n")
    after = code_of("entry", root=root)
    assert {label for label, digest in after.digests.items() if digest != before.digests[label]} == {"room/fit.h"}
    carried = {str(file.relative_to(root)) for file in imported_files("house.room", root=root)}
    assert carried == {"house/__init__.py", "house/room.py", "house/step.c", "house/fit.h"}
    assert {root / name for name in ("house/step.c", "house/fit.h")} <= set(after.files)


@pytest.mark.parametrize("minor", [12, 13])
def test_another_python_makes_the_same_digests(minor: int, tmp_path: Path) -> None:
    found = [shutil.which(f"python3.{minor}"), *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))]
    works = (name for name in found if name and not subprocess.run([name, "-c", ""], capture_output=True).returncode)
    python = next(works, None)
    if python is None:
        pytest.skip(f"Python 3.{minor} is not installed")
    # Code is read, not imported: all it needs of our libraries is what makes faces lazy.
    faces = str(Path(lazy_loader.__file__).parents[1])
    text = write(tmp_path, text='x = 1\ny = f"{x:>{x}} {x!r:^{x}.{x}} {x:{{}}} " "more" f"{x}"\n')
    asked = (
        "from pathlib import Path; from components.core import code_of; "
        "print(code_of('components.training.run', 'components.problems.galaxy_shape.problem').digests); "
        f"print(code_of('text', root=Path({str(text)!r})).digests)"
    )
    said = [
        subprocess.run(
            [name, "-c", asked],
            cwd=HOUSE,
            env={**os.environ, "PYTHONPATH": faces},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in (sys.executable, python)
    ]
    assert said[0] == said[1] != ""


def test_a_process_notices_that_its_own_code_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads that once, as long as nothing has: a schedule runs for weeks."""
    monkeypatch.setattr(code, "HOUSE", tmp_path)

    def digests(text: str) -> dict[str, str]:
        write(tmp_path, components__simulator=f"from components.physics import g\n{CODE}", components__physics=text)
        return dict(code_of("components.simulator", root=tmp_path).digests)

    (tmp_path / "components").mkdir()
    (tmp_path / "components" / ".#physics.py").symlink_to(tmp_path / "nowhere")  # as an editor's lock is
    first = digests("def g(x):\n    return x\n")
    with monkeypatch.context() as patch:
        patch.delattr(code, "read_code")  # so that nothing can be read
        assert code_of("components.simulator", root=tmp_path).digests == first
    second = digests("def g(x):\n    return 2 * x\n")
    assert {label for label in first if first[label] != second[label]} == {"physics"}
