"""Steps know no kind of science: what a problem measures is named by problems, simulators and rooms of answers alone.

A word of galaxies, of their images, of bounds or of metrics in any other module fails here.
"""

import ast
import re
from pathlib import Path

from components.core import HOUSE

WORDS = re.compile(
    r"(?<![a-z])(flux|half_light_radius|g1|g2|fwhm|sigma|snr|crb|galax\w*|sersic|stamps?"
    r"|scor\w+|rmse|coverage\d*|dice|brier|accuracy)(?![a-z])"
)
NAMING = (
    "components/problems/",
    "components/simulators/",
    "components/evidence/numbers/",
    "components/evidence/images/",
    "components/evidence/masks/",
    "components/evidence/classes/",
    "components/evidence/denoised/",
    "components/evidence/restored/",
    "components/evidence/over_best/",
    "components/evidence/sources/",
    "components/training/numbers/",
    "models/galaxies/",
    "models/estimators/",
    "models/networks/",
    "flows/commands/bound.py",
)
"""Where science is named."""


def is_documentation(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def words(path: Path) -> set[str]:
    """The words of science in names and texts of a module; comments and docstrings may say what is meant."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [
                line for line in body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    said = []
    for node in ast.walk(tree):
        said += [getattr(node, name) for name in ("id", "attr", "arg", "name", "value") if hasattr(node, name)]
    texts = (
        text.lower().replace("galaxy-", "").replace("oom_score_adj", "") for text in said if isinstance(text, str)
    )  # a problem's name, in a help; a file of the kernel's
    return {word for text in texts for word in WORDS.findall(text)}


def test_only_problems_and_rooms_of_answers_name_what_is_measured() -> None:
    found = {}
    for folder in ("components", "models", "services", "flows"):
        for path in (HOUSE / folder).rglob("*.py"):
            name = str(path.relative_to(HOUSE))
            if not name.startswith(NAMING) and (said := words(path)):
                found[name] = said
    assert found == {}


def test_a_word_that_is_put_back_is_found(tmp_path: Path) -> None:
    for text in (
        "x = {'psf_fwhm': 1}",
        "m = metrics['dice.test']",
        "coverage68 = 1",
        "def f(snr): ...",
        "y = a.g1",
        "stamp_bhw = 1",
        "print('mean rmse_over_crb')",
    ):
        (tmp_path / "step.py").write_text(text)
        assert words(tmp_path / "step.py"), text
    (tmp_path / "step.py").write_text('"""Says stamps."""\nscale = "underscored"  # the SNR\n')
    assert not words(tmp_path / "step.py")
