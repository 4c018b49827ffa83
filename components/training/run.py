"""Train one network into a folder: a checkpoint an epoch, the same result after a kill.

    folder = train(workspace, problem, dataset, settings, source=read_source(workspace.root))

`trainer.py` is the loop; what comes after it is the problem's (`Problem.finish`).
"""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from components.core import AssayError, ProblemSettings, Source, Workspace
from components.data import simulator_inputs
from components.fields import LEARNED_FROM, Dataset, Problem, keep_seen, read_seen
from components.training.checkpoints import load_checkpoint, save_checkpoint
from components.training.distributed import train_in_processes
from components.training.inputs import search_inputs, training_inputs, training_key
from components.training.trainer import Epoch, Trainer
from models.descriptions import DESCRIPTION, read_description
from models.devices import device_name
from models.estimators import save_model

__label__ = "training"


def train(
    workspace: Workspace,
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    *,
    source: Source,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Path:
    """Train, or find the model of the very same inputs.

    Args:
        workspace: where models and checkpoints lie.
        problem: what is trained for.
        dataset: the images.
        settings: the problem's; `train` has network and schedule.
        source: commit and state of the working tree.
        on_epoch: called after each epoch that is trained now.

    Returns:
        The model's folder, as `models.estimators.saved` writes it, with the history of its epochs.

    Raises:
        DamagedModelError: when it is there but its weights are not what was saved.
    """
    # All of them now: code may be changed while the training runs.
    simulator = simulator_inputs(problem, settings.simulate)
    inputs, search = training_inputs(problem, settings), search_inputs(problem, settings)
    key = training_key(problem, dataset, inputs)
    folder = workspace.models(problem.name) / key[:16]
    if (folder / DESCRIPTION).exists():
        try:
            read_seen(folder, read_description(folder).get("seen_images"))
        except AssayError:  # lost or damaged: the key says that it is this dataset's
            _keep_seen(folder, problem, dataset, settings)
        return folder
    checkpoint = folder / "checkpoint"
    if settings.train.processes > 1:
        train_in_processes(problem, dataset, settings, checkpoint, on_epoch=on_epoch)
    trainer = Trainer(problem, dataset, settings)
    history = load_checkpoint(trainer, checkpoint)
    shown = f"train {settings.train.network}"
    with tqdm(total=settings.train.epochs, initial=trainer.done, desc=shown, unit="epoch", disable=None) as bar:
        for epoch in trainer:
            history.append(asdict(epoch))
            save_checkpoint(trainer, history, checkpoint)
            on_epoch(epoch)
            bar.update()
            bar.set_postfix(loss=f"{epoch.training_loss:.3f}", validation=f"{epoch.validation_loss:.3f}")
    estimator, finished = problem.finish(trainer.averaged.eval(), dataset, settings)
    save_model(
        folder,
        estimator.cpu(),
        {
            "problem": problem.name,
            "key": key,
            "inputs": {
                "data": dataset.digest,
                "simulator": simulator,
                "search": search,
                "training": inputs,
            },
            "seen_images": _keep_seen(folder, problem, dataset, settings),
            "fingerprint": dataset.manifest["fingerprint"],
            "history": history,
            "finish": finished,
            "device": device_name(trainer.device),
            "git": asdict(source),
        },
    )
    shutil.rmtree(checkpoint)
    return folder


def _keep_seen(folder: Path, problem: Problem, dataset: Dataset, settings: ProblemSettings) -> dict[str, Any]:
    names = [field.name for field in problem.stored(settings.simulate)]
    return keep_seen(folder, dataset, names, np.concatenate([dataset.rows(split) for split in LEARNED_FROM]))
