"""The compiled half of this room: its C files as one library, built by the machine's own compiler when first needed.

    fit_images = library().fit_images

Torch spends most of an answer between its calls: an image's arrays leave the processor's cache from one to the next.
Compiled, one image is worked through from start to end in a few hundred kilobytes. The library lies beside its sources
under a name made of their digest: changed sources are built anew, and a package that brings it along needs no compiler.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

__label__ = "fitting_library"
__sources__ = (
    "fit.h", "room.c", "transform.c", "spectrum.c", "likelihood.c", "step.c", "covariance.c", "prior.c", "search.c",
    "posterior.c", "residual.h", "maps.c", "source.c", "residual.c",
)  # fmt: skip

_FOLDER = Path(__file__).parent
# Sums may be taken in another order, in the same one each time; NaN and infinity stay what they are.
_FLAGS = (
    "-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=fast",
    "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math",
)  # fmt: skip
_TIMEOUT_S = 300
_PACKAGED = _FOLDER.parents[2] / "model" / "package.json"
"""The manifest that stands beside this code in a package."""


class NoCompilerError(RuntimeError):
    """The library is not there and cannot be built."""


@cache
def library() -> ctypes.CDLL:
    """The library, built if it is not there.

    Raises:
        NoCompilerError: when it must be built and cannot be.
    """
    path = _FOLDER / _name()
    with suppress(OSError):  # it is not there, or was made for another C library than this machine's
        return ctypes.CDLL(str(path))
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / path.name
        _build(built)
        if not _PACKAGED.exists():  # no file may be added to a package
            _keep(built, path)
        try:
            return ctypes.CDLL(str(built))
        except OSError as error:
            raise NoCompilerError(f"{path.name} was built and cannot be loaded: {error}") from error


def place_library(folder: Path) -> Path:
    """Put the library into a folder: that which lies beside the sources, or else one that is built.

    Raises:
        NoCompilerError: when it must be built and cannot be.
    """
    library()  # one that lies here and does not load is replaced
    target = folder / _name()
    if (_FOLDER / target.name).is_file():
        shutil.copyfile(_FOLDER / target.name, target)
    else:
        _build(target)
    return target


def _keep(built: Path, path: Path) -> None:
    """Put it beside its sources in place of older ones, in one step, since many processes may be at it.

    A folder that may only be read stays as it is.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.so")
    try:
        shutil.copy(built, partial)
        partial.rename(path)
        for older in path.parent.glob("fit-*.so"):
            if older != path:
                older.unlink(missing_ok=True)
    except OSError:
        partial.unlink(missing_ok=True)


def _name() -> str:
    """Of the library of these sources, for this kind of machine."""
    digest = hashlib.sha256(" ".join(_FLAGS).encode())
    for name in __sources__:
        digest.update((_FOLDER / name).read_bytes())
    return f"fit-{digest.hexdigest()[:16]}-{platform.system()}-{platform.machine()}.so".lower()


def _build(path: Path) -> None:
    compiler = os.environ.get("CC") or "cc"
    sources = [str(_FOLDER / name) for name in __sources__ if name.endswith(".c")]
    command = [*shlex.split(compiler), *_FLAGS, *sources, "-o", str(path), "-lm"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except OSError as error:
        raise NoCompilerError(
            f"no C compiler {compiler!r} to build {path.name} with: install gcc or clang, or name yours in CC"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NoCompilerError(f"{compiler} took over {_TIMEOUT_S} s to build {path.name}: try again") from error
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.split())[:300]
        raise NoCompilerError(f"{compiler} could not build {path.name}: {said}") from error
