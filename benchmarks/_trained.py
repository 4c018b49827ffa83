"""Trainings of benchmarks, which take hours: made once for the same inputs, and after a kill from the last epoch on.

    estimator, minutes = trained(problem, dataset, settings, alike=find_problem("galactic-centre"))

They lie in `build/benchmarks/`, by what decides them: code, settings, images, network, and the benchmark's own file.
"""

import inspect
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.core import file_sha256, value_digest
from components.fields import Dataset, Problem
from components.training import Trainer, training_inputs, training_key
from components.training.checkpoints import load_checkpoint, save_checkpoint
from models.estimators import Estimator

_FOLDER = Path(__file__).parents[1] / "build" / "benchmarks"


def trained(problem: Problem, dataset: Dataset, settings: Any, *, alike: Problem) -> tuple[Estimator, float]:
    """The averaged network at the end of a training, and the minutes that it took.

    Args:
        problem: what is trained for; it may be one of a benchmark's own.
        dataset: the images, of which any may be left out.
        settings: the problem's.
        alike: the registered problem whose code it uses.
    """
    key = value_digest(
        {
            "training": training_key(alike, dataset, training_inputs(alike, settings)),
            "network": problem.estimator_config(settings),
            "problem": {name: str(value) for name, value in vars(problem).items()},
            "code": file_sha256(Path(inspect.getfile(type(problem)))),
            "split": dataset.catalogue["split"].tolist(),
        }
    )
    folder, trainer = _FOLDER / key[:16], Trainer(problem, dataset, settings)
    history, began = load_checkpoint(trainer, folder), time.time()
    for epoch in trainer:
        history.append({**asdict(epoch), "seconds": time.time() - began})
        save_checkpoint(trainer, history, folder)
        began = time.time()
        said = f"{settings.train.network} {epoch.number} of {settings.train.epochs}: {epoch.validation_loss:.4f}"
        print(f"{said}, {history[-1]['seconds']:.0f} s", file=sys.stderr, flush=True)
    return trainer.averaged.eval(), sum(one["seconds"] for one in history) / 60
