"""The conditions of rules, one function each; a module registers its functions when it is imported."""

from __future__ import annotations

from cloud.alerts.conditions import climate, counting, elevators, line, record, vehicles, year
from cloud.alerts.observe import CONDITIONS

__all__ = ["CONDITIONS", "climate", "counting", "elevators", "line", "record", "vehicles", "year"]
