"""What keeping freed memory is worth to a training on the processor: the same steps with and without, turn by turn.

python -m benchmarks freed_memory
"""

import multiprocessing
import time
from statistics import median

import torch

from components.core import keep_freed_memory
from models.networks import find_network, network_names

_STEPS, _ROUNDS, _BATCH = 4, 3, 64


def main() -> None:
    """Print milliseconds an image of forward and backward of each network, and the ratio."""
    context = multiprocessing.get_context("spawn")  # an allocator's switch holds for a process
    for name in network_names():
        spent: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(_ROUNDS):
            for keep in spent:
                with context.Pool(1) as pool:
                    spent[keep].append(pool.apply(_milliseconds, (name, keep)))
        without, kept = (median(spent[keep]) for keep in (False, True))
        print(f"{name}: {without:.2f} ms an image, {kept:.2f} with freed memory kept, ratio {without / kept:.2f}")


def _milliseconds(name: str, keep: bool) -> float:
    if keep:
        keep_freed_memory()
    torch.manual_seed(0)
    network = find_network(name)(channels=2, size=64, conditions=2, outputs=27, width=16)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image_bchw, conditions_bc = torch.randn(_BATCH, 2, 64, 64), torch.randn(_BATCH, 2)
    began = time.perf_counter()
    for step in range(_STEPS + 1):
        if step == 1:
            began = time.perf_counter()
        network(image_bchw, conditions_bc).answer_bo.square().mean().backward()
    return 1000 * (time.perf_counter() - began) / (_STEPS * _BATCH)


if __name__ == "__main__":
    main()
