"""All tables by name, for tests that look at the database from outside."""

from __future__ import annotations

from cloud.accounts.tables import audit, token
from cloud.alerts.tables import alert, alert_history, alert_revision, alert_state, channel_brake, notification
from cloud.devices.tables import birth, clock_offset, device, device_state, event, latest, node, rejected_reading
from cloud.indicators.tables import factor, factor_co2
from cloud.ledger.tables import (
    bill,
    earlier_counter,
    entry,
    exchange,
    finding_note,
    judgement,
    learnt,
    ledger_hour,
    meter,
    meter_unit,
    out_of_use,
    ratio_change,
    spread_profile,
    thinned,
    touched,
)
from cloud.operations.tables import command
from cloud.organisations.tables import compound, denominator, entered_site, site, unit
from cloud.platform.tables import metadata, store_check

__all__ = [
    "alert",
    "alert_history",
    "alert_revision",
    "alert_state",
    "audit",
    "bill",
    "birth",
    "channel_brake",
    "clock_offset",
    "command",
    "compound",
    "denominator",
    "device",
    "device_state",
    "earlier_counter",
    "entered_site",
    "entry",
    "event",
    "exchange",
    "factor",
    "factor_co2",
    "finding_note",
    "judgement",
    "latest",
    "learnt",
    "ledger_hour",
    "metadata",
    "meter",
    "meter_unit",
    "node",
    "notification",
    "out_of_use",
    "ratio_change",
    "rejected_reading",
    "site",
    "spread_profile",
    "store_check",
    "thinned",
    "token",
    "touched",
    "unit",
]
