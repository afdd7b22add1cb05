"""The tables of all slices, for migrations and rights."""

from __future__ import annotations

from cloud.accounts import tables as accounts
from cloud.alerts import tables as alerts
from cloud.devices import tables as devices
from cloud.indicators import tables as indicators
from cloud.ledger import tables as ledger
from cloud.operations import tables as operations
from cloud.organisations import tables as organisations
from cloud.platform.tables import metadata

SLICES = (accounts, alerts, devices, indicators, ledger, operations, organisations)

__all__ = ["SLICES", "metadata"]
