"""One training over several processes, one for each GPU: torch DDP.

    train_in_processes(problem, dataset, settings, checkpoint, on_epoch=print)

Every process holds the whole network and shows its share of each batch; gradients are averaged, and statistics of
batches are those of all (`shared_statistics.py`). The first one writes the checkpoints, from which a single process
goes on when all epochs are done. Without GPUs the processes share the cores, which is of use to tests only.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import torch
from torch import distributed
from tqdm.auto import tqdm

from components.core import AssayError, KnownDigests, ProblemSettings, die_with_parent
from components.fields import Dataset, Problem
from components.training.checkpoints import load_checkpoint, save_checkpoint
from components.training.trainer import Epoch, Trainer
from models.devices import best_device, gpu_count

__label__ = "distributed"


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What every process of a training is told."""

    meeting: str
    """URL of the file where they meet."""
    problem: Problem
    data: Path
    known: KnownDigests | None
    settings: ProblemSettings
    checkpoint: Path


def train_in_processes(
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    checkpoint: Path,
    *,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> None:
    """Train all epochs that are left, and leave the last one's checkpoint.

    Args:
        problem: what is trained for.
        dataset: the images.
        settings: the problem's; `train` has network, schedule and processes.
        checkpoint: folder of the checkpoints.
        on_epoch: called here after each epoch that is trained now; what it raises ends all processes.

    Raises:
        AssayError: when a process failed, or there are fewer GPUs; the epochs that were finished are kept.
    """
    context, processes = multiprocessing.get_context("spawn"), settings.train.processes
    gpus = gpu_count()
    if 0 < gpus < processes:
        raise AssayError(f"train.processes = {processes}: this machine has {gpus} GPUs", "set as many, or fewer")
    children: list[SpawnProcess] = []
    channels: list[Connection] = []
    with tempfile.TemporaryDirectory() as folder:
        shared = _Shared(
            meeting=f"file://{folder}/meeting",
            problem=problem,
            data=dataset.folder,
            known=dataset.known,
            settings=settings,
            checkpoint=checkpoint,
        )
        try:
            for rank in range(processes):
                ours, theirs = context.Pipe()
                child = context.Process(target=_work, args=(rank, theirs, shared))
                child.start()
                theirs.close()  # the process has its own, whose end is the channel's
                children.append(child)
                channels.append(ours)
            said = _follow(children, channels, on_epoch)
        finally:
            for child in children:
                child.kill()  # if it has not ended
                child.join()
    if said:
        raise AssayError(said)


def _follow(children: Sequence[SpawnProcess], channels: Sequence[Connection], on_epoch: Callable[[Epoch], None]) -> str:
    """Pass on epochs until all have ended, or one has failed, whom others would wait for; what went wrong, or ""."""
    open_channels = set(channels)
    while running := [child.sentinel for child in children if child.exitcode is None]:
        # What a process said before its end is here before its end is.
        for channel in open_channels.intersection(wait([*running, *open_channels])):
            try:
                told = channel.recv()
            except EOFError:
                open_channels.discard(channel)
                continue
            if not isinstance(told, Epoch):
                return str(told)
            on_epoch(told)
            with suppress(BrokenPipeError):  # its end is seen in the next round
                channel.send(True)
        status = next((child.exitcode for child in children if child.exitcode), 0)
        if status:
            return (
                f"training over {len(children)} processes ended with status {status}: repeat, it goes on after its "
                "last epoch, or set processes to 1"
            )
    return ""


def meet(rank: int, processes: int, meeting: str) -> torch.device:
    """Join the other processes; the device to train on.

    Args:
        rank: of this process.
        processes: how many there are.
        meeting: URL of the file where they meet.
    """
    if best_device().type != "cuda":
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
        return torch.device("cpu")
    device = torch.device(f"cuda:{rank}")
    # Before all else: what names no GPU, NCCL's first messages among it, would go to the first, for all processes.
    torch.cuda.set_device(device)
    distributed.init_process_group("nccl", init_method=meeting, rank=rank, world_size=processes, device_id=device)
    return device


def _work(rank: int, channel: Connection, shared: _Shared) -> None:
    die_with_parent()
    try:
        _train(rank, channel, shared)
    except AssayError as error:
        channel.send(str(error))
        sys.exit(1)
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _train(rank: int, channel: Connection, shared: _Shared) -> None:
    train = shared.settings.train
    device = meet(rank, train.processes, shared.meeting)
    dataset = Dataset.open(shared.data, shared.known)
    trainer = Trainer(shared.problem, dataset, shared.settings, device=device, share=(rank, train.processes))
    history = load_checkpoint(trainer, shared.checkpoint)
    bar = tqdm(trainer, total=train.epochs, initial=trainer.done, desc="train", unit="epoch", disable=rank > 0)
    for epoch in bar:
        history.append(asdict(epoch))
        if rank == 0:
            save_checkpoint(trainer, history, shared.checkpoint)
            channel.send(epoch)
            channel.recv()  # whoever follows may end all of us
        distributed.barrier()
