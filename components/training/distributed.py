"""One training over several processes, one for each GPU: torch DDP.

    train_in_processes(problem, dataset, settings, train, checkpoint)

Every process holds the whole network and shows its share of each batch; gradients are averaged. The first one writes
the checkpoints, from which a single process goes on when all epochs are done. Without GPUs the processes share the
cores, which is of use to tests only.
"""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from torch import distributed
from torch.multiprocessing.spawn import ProcessException, spawn
from tqdm.auto import tqdm

from components.core import AssayError, ProblemSettings, TrainSettings, die_with_parent
from components.fields import Dataset, Problem
from components.training.checkpoints import load_checkpoint, save_checkpoint
from components.training.trainer import Trainer

__label__ = "distributed"


def train_in_processes(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, train: TrainSettings, checkpoint: Path
) -> None:
    """Train all epochs that are left, and leave the last one's checkpoint.

    Raises:
        AssayError: when a process failed; the epochs that were finished are kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{folder}/meeting"
        try:
            spawn(  # type: ignore[no-untyped-call]
                _work, (meeting, problem, dataset.folder, settings, train, checkpoint), nprocs=train.processes
            )
        except ProcessException as error:
            said = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise AssayError(
                f"training over {train.processes} processes ended, process {error.error_index} with {said}: repeat, it "
                "goes on after its last epoch, or set processes to 1"
            ) from error


def _work(
    rank: int,
    meeting: str,
    problem: Problem,
    data: Path,
    settings: ProblemSettings,
    train: TrainSettings,
    checkpoint: Path,
) -> None:
    die_with_parent()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // train.processes))
    on_gpu = torch.cuda.is_available()
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", init_method=meeting, rank=rank, world_size=train.processes
    )
    trainer = Trainer(
        problem,
        Dataset.open(data),
        settings,
        train,
        device=torch.device(f"cuda:{rank}" if on_gpu else "cpu"),
        share=(rank, train.processes),
    )
    history = load_checkpoint(trainer, checkpoint)
    bar = tqdm(trainer, total=train.epochs, initial=trainer.done, desc="train", unit="epoch", disable=rank > 0)
    for epoch in bar:
        history.append(asdict(epoch))
        if rank == 0:
            save_checkpoint(trainer, history, checkpoint)
        distributed.barrier()
    distributed.destroy_process_group()
