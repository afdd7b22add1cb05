"""The conditions of rules, one function each; a file here is found by being here, and registers its functions when it is imported."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from cloud.alerts.observe import CONDITIONS

__all__ = ["CONDITIONS"]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
