"""Where networks compute, and how much at once: nothing else asks whether there is a GPU.

    device = best_device()                                     # the GPU where there is one
    size = images_at_once(device, 64 * 64, on_cpu=64)

ASSAY_DEVICE names another: `cpu`, or one GPU of several, such as `cuda:1`.
"""

import os

import torch

__label__ = None  # which device computed stands in keys itself, where they promise the same bytes

DEVICE = "ASSAY_DEVICE"
"""The variable."""
_SHARE = 0.25
"""Of a GPU's memory that images take: other processes and the libraries' own work need room, too."""
_MOST = 4096
"""Images at once: more keep no GPU busier."""
_MAP_BYTES = 4 * 256
"""Of a pixel, where a network has 256 maps of float32 at a time."""


class NoDeviceError(Exception):
    """What was named is not there; one line says what is."""


def best_device() -> torch.device:
    """The one that ASSAY_DEVICE names, or the GPU where there is one; float32 is computed there as float32.

    Raises:
        NoDeviceError: when there is no such device.
    """
    # With ten bits of each product answers would differ from another machine's by more than a proof allows.
    torch.backends.cudnn.allow_tf32 = False
    said = os.environ.get(DEVICE)
    if not said:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=said)
    except (AssertionError, RuntimeError) as error:
        here = ", ".join(["cpu", *(f"cuda:{number}" for number in range(gpu_count()))])
        raise NoDeviceError(f"{DEVICE} is {said!r}, and this machine has {here}: name one of them") from error
    return torch.device(said)


def gpu_count() -> int:
    """How many GPUs this process sees."""
    return torch.cuda.device_count()


def device_name(device: torch.device) -> str:
    """What is recorded of it: a GPU's name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def images_at_once(device: torch.device, pixels: int, *, on_cpu: int) -> int:
    """How many images a device is given together.

    Args:
        device: which.
        pixels: of an image, in all its bands.
        on_cpu: on the processor, whose caches are small and whose results are to stay the same to the last bit.
    """
    if device.type != "cuda":
        return on_cpu
    memory = torch.cuda.get_device_properties(device).total_memory
    return max(1, min(_MOST, int(_SHARE * memory) // (_MAP_BYTES * pixels)))
