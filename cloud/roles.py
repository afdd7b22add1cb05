"""What a process of the service does: all of it, or a part beside other processes on the same PostgreSQL."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A part of the service. All but `api` and `ingest` are one process's at a time; another that may have it waits and takes it over."""

    API = "api"
    """Interface and pages."""
    INGEST = "ingest"
    """Stores a share of what gateways send, beside the leader."""
    LEADER = "leader"
    """The Sparkplug host: STATE, births, readings, acknowledgements, commands."""
    SETTLEMENT = "settlement"
    """Counts touched hours anew, and thins what is old."""
    ALERTING = "alerting"
    """Looks at rules and tells people."""
    PUBLISHING = "publishing"
    """Writes indicators back to telemetry."""


ALL = frozenset(Role) - {Role.INGEST}
"""What one process does that does everything: it needs no worker."""
