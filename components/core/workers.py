"""Processes that share work: this one alone, several of this machine, or those of a Dask scheduler. Dask is met here.

    with open_workers(2) as workers:                       # or: open_workers(1, scheduler="tcp://10.0.0.5:8786")
        for done in workers.results(draw, places):         # in the order in which they end
            print(done.argument, done.result())

A worker has one task at a time and, where there are GPUs, one of them that it sees alone. A task whose worker dies is
begun again on another, so it must be one that may be. With one worker and no scheduler there is no Dask, only a loop.
Dask's own client is used, not a Prefect task for each call: that would be a pickle on disk and several requests.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from components.core.environment import variable
from components.core.errors import AssayError
from components.core.local_cluster import environments, local_cluster, quieten

if TYPE_CHECKING:
    from distributed import Client, Future

__label__ = None

A = TypeVar("A")
R = TypeVar("R")

_ANSWER_S, _RETURN_S = 10.0, 300.0
"""How long a scheduler may take to answer at first, and to come back when it was restarted."""
_WORKERS_S = 60.0
"""How long a scheduler's first worker may take to come."""


def dask_url() -> str | None:
    """The Dask scheduler that ASSAY_DASK_URL names, whose workers do what can be shared; None for this machine's."""
    return variable("ASSAY_DASK_URL")


class LostWorkerError(AssayError):
    """A task whose worker died, as often as it was begun."""


@dataclass(frozen=True)
class Finished(Generic[A, R]):
    """A task that has ended."""

    argument: A
    result: Callable[[], R]
    """What it returned; raises what it raised, or a `LostWorkerError`."""


class Workers:
    """This process, as the only worker."""

    def results(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[Finished[A, R]]:
        """Call a function with each argument and yield what ends, as it ends.

        Args:
            function: of a module, or a `functools.partial` of one, so that another process can find it.
            arguments: each is asked for when a worker is free for it, not before.
        """
        for argument in arguments:
            yield _called(function, argument)


@contextmanager
def open_workers(
    number: int, *, scheduler: str | None = None, devices: Sequence[str] | None = None
) -> Iterator[Workers]:
    """Workers that are there until the block ends.

    Args:
        number: how many of this machine.
        scheduler: address of a Dask scheduler, all of whose workers are used in their place.
        devices: the GPUs of this machine as `CUDA_VISIBLE_DEVICES` names them; those that there are, by default.

    Raises:
        AssayError: when nothing answers at the address, it has no workers, or there are fewer GPUs than workers.
    """
    if scheduler is not None:
        with _Dask(lambda: _client(scheduler)) as workers:
            workers.require_some(scheduler)
            yield workers
    elif number == 1 and devices is None:
        yield Workers()
    else:
        with local_cluster(environments(number, devices)) as cluster, _Dask(cluster.get_client) as workers:
            yield workers


class _Dask(Workers):
    """Workers behind a scheduler.

    Args:
        connect: makes a client; asked again when the scheduler was restarted.
    """

    def __init__(self, connect: "Callable[[], Client]") -> None:
        self._connect = connect
        self._client = connect()

    def __enter__(self) -> "_Dask":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close(timeout=5)

    def require_some(self, scheduler: str) -> None:
        """Wait for the first worker.

        Raises:
            AssayError: when none comes.
        """
        try:
            self._client.wait_for_workers(1, timeout=_WORKERS_S)
        except TimeoutError as error:
            raise AssayError(
                f"the scheduler {scheduler} has no workers after {_WORKERS_S:g} s",
                f"start some: dask worker {scheduler} --nthreads 1",
            ) from error

    def results(self, function: Callable[[A], R], arguments: Iterable[A]) -> Iterator[Finished[A, R]]:
        from distributed import Future, as_completed

        coming, under_way = iter(arguments), dict[Future[Any], A]()
        ended = as_completed(loop=self._client.loop)
        again: list[A] = []  # what was under way when a scheduler was lost
        while True:
            if self._client.status != "running":  # the scheduler was lost, and all that it knew
                again += under_way.values()
                under_way.clear()
                self._return()
                ended = as_completed(loop=self._client.loop)
            while len(under_way) < self._room():
                try:
                    argument = again.pop() if again else next(coming)
                except StopIteration:
                    break
                future = self._client.submit(function, argument, pure=False)
                under_way[future] = argument
                ended.add(future)
            if not under_way:
                return
            future = next(ended)
            try:
                outcome = _outcome(future)
            except CancelledError:
                self._client.close(timeout=1)
            else:
                yield Finished(under_way.pop(future), outcome)

    def _room(self) -> int:
        """How many tasks may be under way; one waits where no worker is there just now."""
        try:
            return max(1, sum(map(int, self._client.nthreads().values())))
        except (OSError, ValueError):  # the scheduler is away: what is under way will say so
            return 1

    def _return(self) -> None:
        """Wait for a scheduler that was lost to come back."""
        deadline = time.monotonic() + _RETURN_S
        self._client.close(timeout=1)
        while True:
            try:
                self._client = self._connect()
                return
            except AssayError:
                if time.monotonic() > deadline:
                    raise


def _client(scheduler: str) -> "Client":
    from distributed import Client

    quieten()
    try:
        return Client(scheduler, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise AssayError(
            f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())[:100]})",
            "start one with `dask scheduler`, or leave the address out",
        ) from error


def _called(function: Callable[[A], R], argument: A) -> Finished[A, R]:
    try:
        value = function(argument)
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
        return Finished(argument, _raising(error))
    return Finished(argument, lambda: value)


def _outcome(future: "Future[Any]") -> Callable[[], Any]:
    """What a task that has ended came to, fetched now: its worker or its scheduler may die.

    Raises:
        CancelledError: when they have.
    """
    from distributed.scheduler import KilledWorker

    try:
        value = future.result()
    except KilledWorker:
        said = "a worker died each time that it was at the same task: see that it has memory enough"
        return _raising(LostWorkerError(said))
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
        return _raising(error)
    return lambda: value


def _raising(error: BaseException) -> Callable[[], Any]:
    def result() -> Any:
        raise error

    return result
