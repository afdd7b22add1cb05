"""The indicators of this service: those whose files an office wrote itself, else the shipped ones."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cloud.settings import load_settings
from contract.indicator import Definition, Digits, load_definitions

SHIPPED = Path(__file__).parent / "indicators" / "defined"
"""The folder of the shipped indicators."""


@lru_cache(maxsize=1)
def definitions() -> tuple[Definition, ...]:
    """All indicators, in the order in which they are shown; read once, from the folder that `JIEYUE_INDICATORS` names.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    return load_definitions(load_settings().indicators or SHIPPED)


def digits(indicator: str) -> Digits:
    """With how many decimals an indicator is shown, by its id.

    Raises:
        KeyError: There is no such indicator.
    """
    return {one.id: one.digits for one in definitions()}[indicator]
