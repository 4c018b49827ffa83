"""Where a package is from, as other tools read it: an in-toto statement with SLSA's provenance (v1).

    statement = provenance(tag, digest, model)     # subject: the package's list of files

Its subject is `SHA256SUMS` of the package, and with it every file: code, weights, requirements, BentoML's description
and the Dockerfile. Materials are the commit, the data, the weights and what was installed.
"""

import platform
from collections.abc import Mapping
from importlib.metadata import version as installed
from typing import Any

from components.core import HOUSE, file_sha256
from services.verify import STATEMENT_TYPE, SUMS

_PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:assay:package:v1"
_BUILDER = "urn:assay:builder"
_LOCK = "requirements.lock"
_TOOLS = ("assay", "bentoml")


def provenance(tag: str, digest: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """The statement about a package.

    Args:
        tag: its name in the store.
        digest: SHA-256 of its list of files.
        model: as the manifest has it: `problem`, `version`, `git_commit`, `data_md5`, `weights_sha256`.
    """
    materials = [
        {"name": "code", "digest": {"gitCommit": model["git_commit"]}},
        {"name": "data", "digest": {"md5": model["data_md5"].removesuffix(".dir")}},  # DVC's mark of a folder
        {"name": "weights", "digest": {"sha256": model["weights_sha256"]}},
    ]
    if (HOUSE / _LOCK).is_file():
        materials.append({"name": _LOCK, "digest": {"sha256": file_sha256(HOUSE / _LOCK)}})
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"{tag}/{SUMS}", "digest": {"sha256": digest}}],
        "predicateType": _PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"problem": model["problem"], "version": model["version"]},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {
                    "id": _BUILDER,
                    "version": {name: installed(name) for name in _TOOLS} | {"python": platform.python_version()},
                },
            },
        },
    }
