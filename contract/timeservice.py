"""Whether a time service keeps the clock of this machine."""

from __future__ import annotations

import ctypes

_TIME_ERROR = 5
_TIMEX_BYTES = 256


def kernel_synchronised() -> bool:
    """Whether the kernel says that its clock is kept by a time service (adjtimex(2): not TIME_ERROR)."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # struct timex, modes = 0: only ask
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    return 0 <= state < _TIME_ERROR
