"""What people do with alerts, and whether there is news of them."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.alerts import machine
from cloud.alerts.machine import OPEN, State
from cloud.alerts.repository import standing
from cloud.platform.database import writing
from cloud.texts import CodedError
from contract.coded import Message


class NotOpenError(CodedError):
    """An alert that is over cannot be acknowledged."""


def acknowledge(engine: sa.Engine, group: str, alert: str, text: str, by: str, now: int) -> bool:
    """Somebody looks after an alert; done again, the first one stays.

    Returns:
        Whether there is such an alert.

    Raises:
        NotOpenError: It is over.
    """
    with writing(engine).begin() as connection:
        standing.lock(connection)
        phase = standing.phase_of(connection, group, alert)
        if phase is None:
            return False
        state, event, _ = machine.acknowledge(State(phase))
        if state.phase not in OPEN:
            raise NotOpenError(Message("problem.alert_over", alert=alert))
        if event is not None:
            standing.acknowledge(connection, group, alert, text, by, now)
            audited(connection, "alert.acknowledge", f"{alert}: {text}", by, now, group=group)
    return True


def version(engine: sa.Engine) -> int:
    """A number that grows whenever an alert, or who was told of it, changes; 0 before the first."""
    with engine.connect() as connection:
        return standing.newest_line(connection)
