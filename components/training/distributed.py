"""One training over several processes, one for each GPU: torch DDP.

    train_in_processes(problem, dataset, settings, checkpoint)

Every process holds the whole network and shows its share of each batch; gradients are averaged. The first one writes
the checkpoints, from which a single process goes on when all epochs are done. Without GPUs the processes share the
cores, which is of use to tests only.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import torch
from torch import distributed
from tqdm.auto import tqdm

from components.core import AssayError, KnownDigests, ProblemSettings, die_with_parent
from components.fields import Dataset, Problem
from components.training.checkpoints import load_checkpoint, save_checkpoint
from components.training.trainer import Trainer
from models.devices import best_device

__label__ = "distributed"


def train_in_processes(problem: Problem, dataset: Dataset, settings: ProblemSettings, checkpoint: Path) -> None:
    """Train all epochs that are left, and leave the last one's checkpoint.

    Raises:
        AssayError: when a process failed; the epochs that were finished are kept.
    """
    context, processes = multiprocessing.get_context("spawn"), settings.train.processes
    with tempfile.TemporaryDirectory() as folder:
        shared = (f"file://{folder}/meeting", problem, dataset.folder, dataset.known, settings, checkpoint)
        children = [context.Process(target=_work, args=(rank, *shared)) for rank in range(processes)]
        for child in children:
            child.start()
        failed = _first_failure(children)
    if failed:
        raise AssayError(
            f"training over {processes} processes ended with status {failed}: repeat, it goes on after its last "
            "epoch, or set processes to 1"
        )


def _first_failure(children: Sequence[SpawnProcess]) -> int:
    """Wait for all; when one fails, the others, which would wait for it, are ended. Its status, 0 when none did."""
    while running := [child for child in children if child.exitcode is None]:
        wait([child.sentinel for child in running])
        failed = next((child.exitcode for child in children if child.exitcode), 0)
        if failed:
            for child in children:
                child.kill()
                child.join()
            return failed
    return 0


def _work(
    rank: int,
    meeting: str,
    problem: Problem,
    data: Path,
    known: KnownDigests | None,
    settings: ProblemSettings,
    checkpoint: Path,
) -> None:
    die_with_parent()
    train = settings.train
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // train.processes))
    on_gpu = best_device().type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo", init_method=meeting, rank=rank, world_size=train.processes
    )
    trainer = Trainer(
        problem,
        Dataset.open(data, known),
        settings,
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
