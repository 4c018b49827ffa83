"""Networks with their units and scales: from an image to parameters with errors, and saved in a folder.

* `estimator.py`: a network, read as a Gaussian on the scales of `scales.py` (`gaussian.py`)
* `scoring_estimator.py`: the same, improved by Fisher scoring
* `saved.py`: weights and description on disk, checked at every load
"""

from models.estimators.estimator import LEVELS, Answer, Estimator
from models.estimators.saved import (
    DESCRIPTION,
    WEIGHTS,
    DamagedModelError,
    answering_modules,
    load_model,
    read_description,
    save_model,
)
from models.estimators.scoring_estimator import ScoringEstimator

__all__ = [
    "DESCRIPTION",
    "LEVELS",
    "WEIGHTS",
    "Answer",
    "DamagedModelError",
    "Estimator",
    "ScoringEstimator",
    "answering_modules",
    "load_model",
    "read_description",
    "save_model",
]
