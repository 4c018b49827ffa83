"""Random numbers of single rows: each row has a seed, so that batches, their order and the device change nothing.

    seed_b = row_seeds([settings.seed, epoch], rows)
    noise_bhw = normal(seed_b, (64, 64), stream=NOISE, device=image_bhw.device)
    numbers_bk = random_numbers(drawing_seeds(settings, split, rows), 7, stream=0)       # for what a dataset stores

Drawn on the processor with Philox, a counter-based generator (Salmon et al. 2011), keyed by seed and stream.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__label__ = "randomness"

Seeds = np.ndarray[Any, np.dtype[np.uint64]]
"""One seed a row, shape (b,)."""
Counts = np.ndarray[Any, np.dtype[np.int64]]
Numbers = np.ndarray[Any, np.dtype[np.float64]]


def row_seeds(seed: Sequence[int], rows: np.ndarray[Any, Any]) -> Seeds:
    """A seed for each row, shape (b,): SplitMix64 (Steele, Lea & Flood 2014) of a common seed and the row's number.

    Args:
        seed: what all have in common, such as a setting and the number of the epoch.
        rows: row numbers.
    """
    with np.errstate(over="ignore"):
        # The length first: by itself [7] would be [7, 0].
        common = np.random.SeedSequence([len(seed), *seed]).generate_state(1, np.uint64)
        mixed: Seeds = common + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def random_numbers(seed_b: Seeds, count: int, *, stream: int) -> Numbers:
    """Numbers between 0 and 1 of 53 bits, float64, shape (b, count), the same on every machine.

    Args:
        seed_b: of each row.
        count: of one row's numbers.
        stream: what they are for; one row's streams are independent.
    """
    drawn = np.empty((len(seed_b), count))
    _draw(seed_b, drawn, stream, lambda rng, out: rng.random(out=out))
    return drawn


def uneven_numbers(seed_b: Seeds, count_b: Counts, *, stream: int) -> Numbers:
    """Other counts of such numbers for each row, one row's after the other's, shape (sum of the counts,).

    Args:
        seed_b: of each row.
        count_b: of each row's numbers.
        stream: as of `random_numbers`.
    """
    return _uneven(seed_b, count_b, stream, lambda rng, out: rng.random(out=out))


def uneven_normals(seed_b: Seeds, count_b: Counts, *, stream: int) -> Numbers:
    """The same of standard normal numbers, float64: machines differ in the last bits of a few, to be rounded away."""
    return _uneven(seed_b, count_b, stream, lambda rng, out: rng.standard_normal(out=out))


def normal(seed_b: Seeds, shape: tuple[int, ...], *, stream: int, device: "torch.device") -> "Tensor":
    """Standard normal numbers, float32, shape (b, *shape).

    Args:
        seed_b: of each row.
        shape: of one row's numbers.
        stream: as of `random_numbers`.
        device: where the result lies.
    """
    return _on_device(seed_b, shape, stream, device, lambda rng, out: rng.standard_normal(out=out, dtype=np.float32))


def uniform(seed_b: Seeds, shape: tuple[int, ...], *, stream: int, device: "torch.device") -> "Tensor":
    """Numbers between 0 and 1, float32, shape (b, *shape); arguments as of `normal`."""
    return _on_device(seed_b, shape, stream, device, lambda rng, out: rng.random(out=out, dtype=np.float32))


def poisson(seed_b: Seeds, mean: "Tensor", *, stream: int) -> "Tensor":
    """Poisson numbers of some means, float32, in their shape and on their device.

    Args:
        seed_b: of each row.
        mean: shape (b, …), not below 0.
        stream: as of `random_numbers`.
    """
    import torch

    drawn = mean.double().cpu().numpy().copy()
    if not drawn.size:
        return mean
    _draw(seed_b, drawn.reshape(len(seed_b), -1), stream, lambda rng, out: np.copyto(out, rng.poisson(out)))
    return torch.from_numpy(drawn).to(mean.device, torch.float32, non_blocking=True)


def binomial(seed_b: Seeds, count: "Tensor", share: float, *, stream: int) -> "Tensor":
    """What is left of some counts, float32, where each single one stays with some probability.

    Args:
        seed_b: of each row.
        count: whole numbers, shape (b, …).
        share: that probability.
        stream: as of `random_numbers`.
    """
    import torch

    drawn = count.double().cpu().numpy().copy()
    if not drawn.size:
        return count

    def draw(rng: np.random.Generator, out: np.ndarray[Any, Any]) -> None:
        out[:] = rng.binomial(out.astype(np.int64), share)

    _draw(seed_b, drawn.reshape(len(seed_b), -1), stream, draw)
    return torch.from_numpy(drawn).to(count.device, torch.float32, non_blocking=True)


_Draw = Callable[[np.random.Generator, np.ndarray[Any, Any]], object]


def _on_device(seed_b: Seeds, shape: tuple[int, ...], stream: int, device: "torch.device", draw: _Draw) -> "Tensor":
    import torch

    drawn = np.empty((len(seed_b), *shape), dtype=np.float32)
    if drawn.size:
        _draw(seed_b, drawn.reshape(len(seed_b), -1), stream, draw)
    return torch.from_numpy(drawn).to(device, non_blocking=True)


def _uneven(seed_b: Seeds, count_b: Counts, stream: int, draw: _Draw) -> Numbers:
    drawn = np.empty(int(count_b.sum()))
    _draw(seed_b, np.split(drawn, np.cumsum(count_b)[:-1]), stream, draw)
    return drawn


def _draw(seed_b: Seeds, drawn_bk: Iterable[np.ndarray[Any, Any]], stream: int, draw: _Draw) -> None:
    """Fill each row by its own generator."""
    bits = np.random.Philox(key=0)
    rng, state = np.random.Generator(bits), bits.state
    for seed, row in zip(seed_b, drawn_bk, strict=True):
        # As a new generator of this key; making one takes as long as drawing a thousand numbers.
        key = state["state"]["key"]
        key[0], key[1] = seed, stream  # one by one: together, NumPy would make floats of them
        bits.state = state
        draw(rng, row)
