"""Variables: read in one place, and children's environments made there, without what misleads a tool, or secrets.

    variable("ASSAY_PUBLIC_KEY")                                             # None when not set, or empty
    subprocess.run(["git", …], env=undisturbed())                            # no GIT_DIR of a hook that called us
    subprocess.Popen([…, "bentoml", "serve", …], env=confined(workspace.environment()))      # no token, no password

A process that reads what strangers send gets what is on a list, since nobody knows every name that a secret may have.
"""

import os
from collections.abc import Mapping

__label__ = None

_MISLEADING = ("GIT_", "PYTHON")
"""Beginnings of names by which whoever called us, a hook or another environment, spoke to other programs."""
_KEPT = {
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "TMPDIR", "LANG", "LANGUAGE", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CC", "ASSAY_DEVICE",
}  # fmt: skip
_KEPT_FAMILIES = ("LC_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "TORCH")
"""Beginnings of names that say where a machine's libraries and devices are, and how many threads there may be."""


def variable(name: str) -> str | None:
    """What a variable of this process says; None when it is not set, or empty."""
    return os.environ.get(name) or None


def undisturbed() -> dict[str, str]:
    """This process's own environment without what misleads, for tools that need their users' accounts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_MISLEADING)}


def confined(more: Mapping[str, str], *families: str) -> dict[str, str]:
    """What is on the list, and some more.

    Args:
        more: variables that are set, whatever this process has.
        families: beginnings of names whose variables are this process's own, where it has them.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_FAMILIES)}
    own = {name: value for name, value in os.environ.items() if name.startswith(families)}
    return {**kept, **more, **own}
