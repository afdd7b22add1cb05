"""What the terminals of one JT/T 808 bus may take of the gateway; settings of a bus with defaults that fit a few hundred cars."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contract.yamlfile import Strict

_MIB = 1 << 20


class TerminalLimits(Strict):
    """Bounds of a listener: each holds for the whole of it unless its name says otherwise."""

    connections: Annotated[int, Field(ge=1)] | None = None
    """Open at once; by default twice the terminals and 256 more, as far as the process may open files."""
    connections_per_address: Annotated[int, Field(ge=1)] | None = None
    """From one address; by default twice the terminals and 16 more: a carrier's network shows many terminals as one address."""
    opening_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Until a connection has authenticated."""
    silence_seconds: Annotated[float, Field(gt=0)] = 180.0
    """Without a byte, after which a link is dead: three heartbeats."""
    long_message_bytes: Annotated[int, Field(ge=4096)] = 16 * _MIB
    """Packages of long messages that wait for others, of all terminals together."""
    long_message_bytes_per_terminal: Annotated[int, Field(ge=4096)] = _MIB
    """The same of one terminal."""
    long_message_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Without a package, after which a long message is given up."""
