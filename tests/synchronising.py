"""How often a program waits for the device that it computes on, counted on a processor as far as it can tell.

    with Synchronising() as found:
        trainer.step(batch, rate=1e-3)
    found.calls                                   # ["aten.nonzero at components/…/presentation.py:132", …]

On a GPU work is queued, and who asks for a value, or for something whose size a value decides, waits for all of it.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from components.core import HOUSE

_OPERATIONS = frozenset(
    {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "bincount", "_unique2", "unique_dim"}
)
"""Of ATen: their answers, or the sizes of these, are numbers that the program must have."""
_INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_"})
"""By a mask: how many are chosen must be known."""
_COPIES = (torch.Tensor.cpu, torch.Tensor.tolist)
"""To the processor; where tensors are there already, nothing but the call can be seen. (`numpy` takes no others.)"""
_CHECKED_ON_PROCESSORS = (torch.quantile, torch.Tensor.quantile)
"""They look at their levels where that costs nothing, and nowhere else."""


class Synchronising:
    """Counts within a `with` block, in this thread."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        """What waited, and where."""
        operations = _Operations(self.calls)
        self._modes = (_Functions(operations), operations)

    def __enter__(self) -> Self:
        for mode in self._modes:
            mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*raised)  # type: ignore[no-untyped-call]


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, calls: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls, self.off = calls, False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if self.off:
            return func(*args, **(kwargs or {}))
        if name in _OPERATIONS or (name in _INDEXING and any(_is_mask(of) for of in args[1])):
            self.calls.append(f"aten.{name} at {_place()}")
        return func(*args, **(kwargs or {}))


class _Functions(TorchFunctionMode):
    def __init__(self, operations: _Operations) -> None:
        super().__init__()
        self._operations = operations

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in _COPIES:
            self._operations.calls.append(f"{func.__name__} at {_place()}")
        self._operations.off = func in _CHECKED_ON_PROCESSORS
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self._operations.off = False


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)


def _place() -> str:
    """The innermost line of ours."""
    ours = (frame for frame in reversed(traceback.extract_stack()) if Path(frame.filename).is_relative_to(HOUSE))
    frame = next(frame for frame in ours if Path(frame.filename) != Path(__file__))
    return f"{Path(frame.filename).relative_to(HOUSE)}:{frame.lineno}"
