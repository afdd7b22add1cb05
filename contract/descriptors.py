"""How many files and connections a process may have open at once."""

from __future__ import annotations

import resource


def raise_limit() -> int:
    """Take as many descriptors as the machine allows this process; returns the number.

    A shell and most service managers start a process with 1 024 and allow it far more.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
