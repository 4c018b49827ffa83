"""One thread for torch, where processes share out the work.

with one_thread():
    drawn = render_rows(…)
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__label__ = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
