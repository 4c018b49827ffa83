"""What a simulator does, as one digest: its reference arrays, compared in units of the noise.

    simulator_fingerprint(problem, settings.simulate)

It stands in the manifest of every dataset: code that was changed and draws as before has the same.
"""

import numpy as np

from components.core import DataSettings, value_digest
from components.fields import Problem

__label__ = "fingerprint"

_STEP = 0.01
"""Reference arrays are compared in steps of this many σ: far below what a network can see, far above rounding."""


def simulator_fingerprint(problem: Problem, settings: DataSettings) -> str:
    """Digest of the reference arrays in units of the noise, rounded to 0.01 σ."""
    rounded = {
        name: np.rint(np.asarray(array) / _STEP).astype("<i4") for name, array in problem.reference(settings).items()
    }
    return value_digest(
        {name: {"shape": array.shape, "values": array.tobytes().hex()} for name, array in rounded.items()}
    )
