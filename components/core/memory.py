"""Memory that is freed and wanted again at once, as by every step of a training on the processor.

    keep_freed_memory()

glibc gives large arrays back to the kernel as soon as they are freed, and the kernel fills each page with zeros when it
is asked for it again: forward and backward take up to two fifths longer by that, and several times as long where other
processes want the kernel, too (`python -m benchmarks freed_memory`).
"""

import ctypes
import sys

__label__ = None

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Have this process keep what it frees until it ends (glibc; elsewhere a no-op)."""
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_MAX, 0)
        set_option(_M_TRIM_THRESHOLD, _MOST)
