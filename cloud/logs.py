"""How each process of the service logs."""

from __future__ import annotations

from contract import logs

_IN_WORDS = ("sqlalchemy.pool",)
"""Libraries that log a connection that broke with a traceback: who used it says so, and these say why in one line."""


def set_up() -> None:
    """Structured logs on stderr, as `contract.logs.set_up` has them."""
    logs.set_up(in_words=_IN_WORDS)
