"""Dask's scheduler and workers of this machine, for as long as a block lasts; nobody else can use them.

    with local_cluster(environments(2)) as cluster:
        client = cluster.get_client()

Each worker has its share of the cores and, where there are some, a GPU of its own; memory is the kernel's matter.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core.environment import variable
from components.core.errors import AssayError
from components.core.processes import LOCALHOST

if TYPE_CHECKING:
    from distributed import SpecCluster

__label__ = None

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_DEVICES = "CUDA_VISIBLE_DEVICES"
_SPARED_LAST = "800"
"""Of the kernel's score by which it chooses whom to end when memory is full: workers before whoever waits for them."""


def environments(number: int, devices: Sequence[str] | None = None) -> list[dict[str, str]]:
    """The variables of each worker of this machine: its share of the cores, and its own GPU where there are some.

    Args:
        number: of workers.
        devices: the GPUs; those that this process sees by default.

    Raises:
        AssayError: when there are GPUs, and fewer of them than workers.
    """
    from dask.system import CPU_COUNT

    found = _visible_devices() if devices is None else devices
    if found and len(found) < number:
        raise AssayError(
            f"{number} workers want a GPU each and this machine has {len(found)}: use --workers {len(found)}"
        )
    share = str(max(1, CPU_COUNT // number))
    threads = {name: variable(name) or share for name in _THREADS}
    return [{**threads, **({_DEVICES: found[index]} if found else {})} for index in range(number)]


def _visible_devices() -> Sequence[str]:
    """The GPUs of this process, by number or as the user named them."""
    named = variable(_DEVICES)
    if named is not None:
        return [name for name in named.split(",") if name not in ("", "-1")]
    from models.devices import gpu_count

    return [str(index) for index in range(gpu_count())]


@contextmanager
def local_cluster(variables: Sequence[dict[str, str]]) -> "Iterator[SpecCluster]":
    """A scheduler within this process and a worker for each environment, which nobody else on this machine can use."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    quieten()
    security = Security.temporary()
    shared = {"protocol": "tls://", "host": LOCALHOST, "security": security}
    # Memory is the kernel's matter: Dask would end a worker without a word to its task.
    quiet = {"silence_logs": logging.CRITICAL, "memory_limit": 0, "preload": [__name__]}
    workers = {
        index: {"cls": Nanny, "options": {**shared, **quiet, "nthreads": 1, "env": own}}
        for index, own in enumerate(variables)
    }
    scheduler = {"cls": Scheduler, "options": {**shared, "dashboard": False, "port": 0}}
    # What Dask sets by itself would stay in this process, too.
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": {}, "distributed.worker.resources": {}}),
        SpecCluster(workers=workers, scheduler=scheduler, security=security, silence_logs=logging.CRITICAL) as cluster,
    ):
        yield cluster


def dask_setup(_worker: Any) -> None:
    """What a worker of this machine does first: Dask calls it."""
    with suppress(OSError):  # no Linux
        Path("/proc/self/oom_score_adj").write_text(_SPARED_LAST, encoding="ascii")


def quieten() -> None:
    """Keep Dask's reports of workers that come and go off the terminal."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
