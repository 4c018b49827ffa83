"""What decides a package's answers: code, libraries, weights, where it was found reliable, and what it is asked about.

judged = what_answers(config, weights_sha256, evidence.tested_range, inputs)
judged == what_answers_in(package)           # what is judged is what ships
"""

import json
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import HOUSE, code_of, file_sha256, value_digest
from components.evidence import array_digest
from components.packages.files import GOLDEN, Package
from components.packages.golden import read_golden
from services.manifest import MODEL

if TYPE_CHECKING:
    from models.fields import Arrays

# BentoML adds the line with its own version itself.
REQUIRED = ("torch", "numpy", "scipy", "safetensors", "pydantic", "cryptography", "astropy", "pyarrow")
"""The libraries that a package asks for."""
_REQUIREMENTS = "env/python/requirements.txt"
TESTED_RANGE = f"{MODEL}/tested_range.json"


def requirements() -> list[str]:
    """The libraries as they are here, a line of `requirements.txt` each; a local label is one machine's build."""
    return [f"{name}=={installed(name).partition('+')[0]}" for name in REQUIRED]


def answering_code(config: Mapping[str, Any]) -> Mapping[str, str]:
    """Digests of the modules that an estimator answers by, under their labels, as they are today."""
    from models.estimators import answering_modules

    return code_of(*answering_modules(config), root=HOUSE).digests


def what_answers(config: Mapping[str, Any], weights_sha256: str, region: Mapping[str, Any], inputs: "Arrays") -> str:
    """Digest of what decides a package's answers, and of what they are asked about: equal ones answer alike.

    Unlike a package's own digest it is the same on every machine: the answers themselves, in which the last bits of
    float32 differ, are not in it.

    Args:
        config: the estimator's, whose code counts as it is today.
        weights_sha256: of the weights.
        region: where the model was found reliable.
        inputs: the golden ones, by field. The last is made one to be doubted, by the model, and does not count.
    """
    return _digest(answering_code(config), _service(HOUSE), requirements(), weights_sha256, region, inputs)


def what_answers_in(package: Package) -> str:
    """The same of a package as it is."""
    import torch

    region = json.loads((package.source / TESTED_RANGE).read_text(encoding="utf-8"))
    golden = read_golden(package.source / GOLDEN)
    inputs = {name: torch.from_numpy(array) for name, array in golden.inputs.items()}
    weights = str(package.manifest["model"]["weights_sha256"])
    asked = (package.folder / _REQUIREMENTS).read_text(encoding="utf-8").split()
    libraries = [line for line in asked if line.partition("==")[0] in REQUIRED]
    return _digest(package.manifest["code"], _service(package.source), libraries, weights, region, inputs)


def _service(source: Path) -> dict[str, str]:
    """The files that serve, letter by letter: whether an answer is doubted is said by them, too."""
    return {file.name: file_sha256(file) for file in (source / "services").glob("*.py")}


def _digest(
    code: Mapping[str, str],
    service: Mapping[str, str],
    libraries: list[str],
    weights_sha256: str,
    region: Mapping[str, Any],
    inputs: "Arrays",
) -> str:
    return value_digest(
        {
            "code": dict(code),
            "service": dict(service),
            "libraries": sorted(libraries),
            "weights": weights_sha256,
            "region": dict(region),
            "inputs": {name: [len(array), array_digest(array[:-1].numpy())] for name, array in inputs.items()},
        }
    )
