"""Do the same for many things: over the workers of a Dask scheduler, all cores of this machine, or here.

    for number, shard in spread(partial(draw, problem), places, code=(draw,)):     # in the order in which they end
        write(places[number], shard)

`ASSAY_DASK_URL` is the scheduler's address. Results are the same wherever they come from, since a worker whose code or
libraries are others refuses to work.
"""

import multiprocessing
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

from components.core.code import EntryPoint, code_of
from components.core.digests import value_digest
from components.core.errors import AssayError
from components.core.processes import die_with_parent
from components.core.workers import dask_url, open_workers

__label__ = None

A = TypeVar("A")
R = TypeVar("R")

_SAME: set[str] = set()
"""Digests of code and libraries that this process found to be its own."""


def spread(
    function: Callable[[A], R],
    arguments: Sequence[A],
    *,
    code: Sequence[EntryPoint],
    unused: tuple[str, ...] = (),
    least: int = 1,
) -> Iterator[tuple[int, R]]:
    """Call a function with each argument, and yield the number of the argument with what came of it, as it ends.

    Args:
        function: of a module, or a `functools.partial` of one, so that another process can find it.
        arguments: as many as there are.
        code: what decides a result, which must be the same on other machines (`code_of`).
        unused: labels of modules that do not.
        least: of fewer the work is done here, where starting another process would take longer.

    Raises:
        AssayError: when the scheduler does not answer, or has no workers, or one with other code; and what the
            function raises.
    """
    scheduler, numbered = dask_url(), list(enumerate(arguments))
    if len(numbered) < least:
        yield from map(partial(_numbered, function), numbered)
    elif scheduler is not None:
        expected = value_digest(code_of(*code, unused=unused).as_inputs())
        there = partial(_by_the_same_code, function, tuple(code), unused, expected)
        with open_workers(1, scheduler=scheduler) as workers:
            for done in workers.results(there, numbered):
                yield done.result()
    else:
        count = min(os.cpu_count() or 1, max(1, len(numbered)))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, context, initializer=die_with_parent) as pool:
            # Nothing else has the futures, and so what came of them: it may be the whole dataset.
            for job in as_completed([pool.submit(_numbered, function, one) for one in numbered]):
                yield job.result()


def _numbered(function: Callable[[A], R], one: tuple[int, A]) -> tuple[int, R]:
    number, argument = one
    return number, function(argument)


def _by_the_same_code(
    function: Callable[[A], R],
    code: tuple[EntryPoint, ...],
    unused: tuple[str, ...],
    expected: str,
    one: tuple[int, A],
) -> tuple[int, R]:
    if expected not in _SAME:
        if value_digest(code_of(*code, unused=unused).as_inputs()) != expected:
            raise AssayError(
                f"a worker on {platform.node()} has other code or libraries than this command: install the same commit "
                "there with its requirements.lock, and start it again"
            )
        _SAME.add(expected)
    return _numbered(function, one)
