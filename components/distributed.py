"""One training over several processes, one for each GPU: torch DDP, started by torchrun.

    train_in_processes(problem, dataset, settings, train, checkpoint, processes=2)

Every process holds the whole network and shows its share of each batch; gradients are averaged. The first one writes
the checkpoints, from which a single process goes on when all epochs are done. Without GPUs the processes share the
cores, which is of use to tests only.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import TypeAdapter
from tqdm.auto import tqdm

from components.checkpoints import load_checkpoint, save_checkpoint
from components.datasets import Dataset
from components.errors import AssayError
from components.problems import find_problem
from components.problems.base import Problem
from components.processes import die_with_parent
from components.settings import ProblemSettings, TrainSettings, settings_values
from components.trainer import Trainer


def train_in_processes(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, train: TrainSettings, checkpoint: Path
) -> None:
    """Train all epochs that are left, and leave the last one's checkpoint.

    Raises:
        AssayError: when a process failed; the epochs that were finished are kept.
    """
    job = {
        "problem": problem.name,
        "dataset": str(dataset.folder),
        "settings": {**settings_values(settings), "train": settings_values(train)},
        "checkpoint": str(checkpoint),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
        command += [str(train.processes), "-m", "components.distributed", str(path)]
        threads = str(max(1, (os.cpu_count() or 1) // train.processes))
        done = subprocess.run(
            command,
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)},
            preexec_fn=die_with_parent,
            check=False,
        )
    if done.returncode:
        raise AssayError(
            f"training over {train.processes} processes ended with status {done.returncode}: repeat, it goes on "
            "after its last epoch, or set processes to 1"
        )


def _work(path: Path) -> None:
    job = json.loads(path.read_text(encoding="utf-8"))
    problem = find_problem(job["problem"])
    simulation = TypeAdapter(problem.simulation_settings).validate_python(job["settings"]["simulate"])
    settings = TypeAdapter(ProblemSettings).validate_python({**job["settings"], "simulate": simulation})
    rank, processes = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    on_gpu = torch.cuda.is_available()
    device = torch.device(f"cuda:{os.environ['LOCAL_RANK']}" if on_gpu else "cpu")
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    dataset = Dataset.open(Path(job["dataset"]))
    trainer = Trainer(problem, dataset, settings, settings.train, device=device, share=(rank, processes))
    history = load_checkpoint(trainer, Path(job["checkpoint"]))
    bar = tqdm(trainer, total=settings.train.epochs, initial=trainer.done, desc="train", unit="epoch", disable=rank > 0)
    for epoch in bar:
        history.append(asdict(epoch))
        if rank == 0:
            save_checkpoint(trainer, history, Path(job["checkpoint"]))
        torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
