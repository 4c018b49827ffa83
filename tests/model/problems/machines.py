"""Draw images as other machines would: torch's and NumPy's own switches imitate their processors.

    drawn = on_machines(problem, settings.simulate, MACHINES, rows=64)
    margin(drawn, count=16384)

Each machine is a process of its own, since the switches are read when the libraries are imported.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

import numpy as np
from pydantic import TypeAdapter

from components.core.settings import settings_values
from components.data.fingerprint import simulator_fingerprint
from components.data.shards import _write_table
from components.fields import rounding
from components.fields.layout import SPLITS
from components.fields.problem import Problem

_NUMPY = import_module("numpy._core._multiarray_umath")
_NO_FEATURES = " ".join(name for name in _NUMPY.__cpu_dispatch__ if _NUMPY.__cpu_features__.get(name))
"""What NumPy would use of this processor beyond the oldest one that it runs on."""

MACHINES: tuple[Mapping[str, str], ...] = (
    {"OMP_NUM_THREADS": "1"},
    {"OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"OMP_NUM_THREADS": "2", "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE",
     "ONEDNN_MAX_CPU_ISA": "SSE41", "NPY_DISABLE_CPU_FEATURES": _NO_FEATURES},
)  # fmt: skip
"""As it is; ten years older; as old as the libraries allow."""

EVERY_MACHINE: tuple[Mapping[str, str], ...] = tuple(
    {"OMP_NUM_THREADS": threads, **torch, **mkl, **numpy}
    for threads, torch, mkl, numpy in product(
        ("1", "2"),
        (
            {},
            {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
            {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
        ),
        ({}, {"MKL_CBWR": "AVX2"}, {"MKL_CBWR": "COMPATIBLE"}),
        ({}, {"NPY_DISABLE_CPU_FEATURES": _NO_FEATURES}),
    )
)
"""Every combination of the switches."""


@dataclass(frozen=True)
class Drawn:
    """What one machine drew."""

    digest: str
    """Of every byte that it would store."""
    unrounded: np.ndarray[Any, np.dtype[np.float64]]
    """Every number before it was rounded, in units of its step."""


def on_machines(problem: Problem, simulation: Any, machines: Sequence[Mapping[str, str]], *, rows: int) -> list[Drawn]:
    """The first rows of every split as each machine draws them."""
    asked = {
        "problem": _name(type(problem)),
        "settings": _name(type(simulation)),
        "values": settings_values(simulation),
    }
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for machine in machines:
            out = Path(folder) / "drawn.npz"
            inherited = {name: value for name, value in os.environ.items() if name not in EVERY_MACHINE[-1]}
            subprocess.run(
                [sys.executable, "-m", __name__, json.dumps({**asked, "rows": rows, "out": str(out)})],
                env={**inherited, **machine},
                check=True,
            )
            with np.load(out, allow_pickle=False) as kept:
                found.append(Drawn(str(kept["digest"]), kept["unrounded"]))
    return found


def margin(drawn: Sequence[Drawn], *, rows: int, count: int) -> float:
    """How many values of a dataset are expected to differ between these machines: values × mean difference / step.

    Args:
        drawn: by each machine.
        rows: that each drew of every split.
        count: images in the dataset.
    """
    first, *others = (of.unrounded for of in drawn)
    difference = max(float(np.abs(other - first).mean()) for other in others)
    return difference * len(first) / (rows * len(SPLITS)) * count


def _name(of: type) -> str:
    return f"{of.__module__}:{of.__qualname__}"


def _draw(asked: Mapping[str, Any]) -> None:
    problem = resolve_name(asked["problem"])()
    simulation = TypeAdapter(resolve_name(asked["settings"])).validate_python(asked["values"])
    seen, digest, nearest = [np.empty(0)], hashlib.sha256(), rounding._nearest

    def watched(in_steps: Any) -> Any:
        seen.append(np.asarray(in_steps, dtype=np.float64).ravel())
        return nearest(in_steps)

    with patch.object(rounding, "_nearest", watched):
        for split in SPLITS:
            drawn = problem.draw(simulation, split, range(asked["rows"]))
            for array in drawn.arrays.values():
                digest.update(np.ascontiguousarray(array).tobytes())
            _write_table(drawn.columns, Path(asked["out"]))
            digest.update(Path(asked["out"]).read_bytes())
        digest.update(simulator_fingerprint(problem, simulation).encode())
    np.savez(asked["out"], digest=digest.hexdigest(), unrounded=np.concatenate(seen))


if __name__ == "__main__":
    _draw(json.loads(sys.argv[1]))
