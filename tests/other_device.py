"""A second device that is only pretended, on the processor: tensors say that they lie there, and refuse to meet others.

    with pretended() as device:
        estimator.to(device)(inputs)               # RuntimeError when a tensor that lies elsewhere takes part

What a GPU would refuse is refused: operations on tensors of two devices, but for numbers and indices, and NumPy on what
lies there. What is computed is what the processor computes, but for the last bit of products with a conjugated tensor:
the processor conjugates while it multiplies.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

# A kind that this PyTorch was not built for and that needs no start of its own; autograd works for it.
_DEVICE = torch.device("lazy", 0)
_CROSSING = ("aten::to", "aten::_to_copy", "aten::copy_", "aten::type_as")
_INDEXED = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten.index_put.default,
    torch.ops.aten._index_put_impl_.default,
}
"""A GPU takes indices from the processor, too."""


class _There(torch.Tensor):
    """A tensor of the pretended device; its numbers lie in another, of the processor."""

    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> "_There":
        with torch.inference_mode(numbers.is_inference()):  # a view of what was made outside is none of inference
            made: _There = torch.Tensor._make_wrapper_subclass(
                cls,
                numbers.size(),
                strides=numbers.stride(),
                storage_offset=numbers.storage_offset(),
                dtype=numbers.dtype,
                device=_DEVICE,
                requires_grad=numbers.requires_grad,
            )
        made.numbers = numbers
        return made

    def tolist(self) -> Any:
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _dispatched(func, args, kwargs or {})


class _Pretending(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes tensors there where somebody asks for a new one."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatched(func, args, kwargs or {})


class _Made(TorchFunctionMode):
    """Puts tensors there that are made of numbers: they are made beneath what can be watched."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and _is_there(kwargs.get("device")):
            return func(*args, **{**kwargs, "device": torch.device("cpu")}).to(_DEVICE)
        if func is torch.Tensor.new_tensor and isinstance(args[0], _There):
            return args[0].numbers.new_tensor(*args[1:], **kwargs).to(_DEVICE)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], _There):
            args = (args[0], _indices(args[1]), *args[2:])
        return func(*args, **kwargs)


class _Autocast(torch.autocast):
    """That of the processor: PyTorch has none for the pretended device."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
        super().__init__("cpu" if device_type == _DEVICE.type else device_type, *args, **kwargs)


def _indices(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_indices, index))
    return torch.as_tensor(index) if isinstance(index, list | np.ndarray) else index


def _is_there(device: Any) -> bool:
    return device is not None and torch.device(device).type == _DEVICE.type


def _dispatched(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    flat, crosses = pytree.tree_leaves((args, kwargs)), func._schema.name in _CROSSING
    there = any(isinstance(leaf, _There) for leaf in flat)
    wanted = next((leaf for leaf in flat if isinstance(leaf, torch.device)), None)
    if crosses and wanted is None:  # as another tensor is, or to another kind of numbers
        wanted = next((leaf.device for leaf in args[1:] if isinstance(leaf, torch.Tensor)), args[0].device)
    if there and not crosses:
        asked = (args[0], args[2:]) if func in _INDEXED else (args, kwargs)
        for tensor in pytree.tree_leaves(asked):
            if isinstance(tensor, torch.Tensor) and not isinstance(tensor, _There) and tensor.dim() > 0:
                raise RuntimeError(f"{func} of tensors on {_DEVICE} and {tensor.device}, shape {tuple(tensor.shape)}")
    here = pytree.tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
    args_here, kwargs_here = pytree.tree_map_only(_There, lambda tensor: tensor.numbers, here)
    found = func(*args_here, **kwargs_here)
    if _is_written(func._schema.returns):
        return _written(func, args, kwargs)
    goes = there if wanted is None else _is_there(wanted)
    return pytree.tree_map_only(torch.Tensor, _There, found) if goes else found


def _is_written(parts: Any) -> bool:
    return any(part.alias_info is not None and part.alias_info.is_write for part in parts)


def _written(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The argument that an operation writes to, and answers with."""
    for place, argument in enumerate(func._schema.arguments):
        if _is_written([argument]):
            return args[place] if place < len(args) else kwargs[argument.name]
    raise AssertionError(func)


@contextmanager
def pretended() -> Iterator[torch.device]:
    """The device, while the block runs."""
    with mock.patch.object(torch, "autocast", _Autocast), _Made(), _Pretending():  # type: ignore[no-untyped-call]
        yield _DEVICE
