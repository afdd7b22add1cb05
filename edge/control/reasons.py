"""Why a command is not carried out, as a code with parameters, and the English text that goes with it for whoever knows no code.

The cloud's catalogue has the same English text under each code (`cloud/web/messages.json`), and the Chinese one.
"""

from __future__ import annotations

from contract.coded import Message
from protocols.base import DriverError, NoAnswerError, NoLineError, NotReadBackError

TEXTS = {
    "command.expired_on_arrival": "the command had expired before its turn came",
    "command.point_not_writable": "{point} cannot be written",
    "command.outside": "{value:g} is outside {low:g} to {high:g}",
    "command.none_of": "{value:g} is none of {states}",
    "command.takes_none": "{device} takes no commands",
    "command.other_value": "the device kept another value",
    "command.no_line": "{why}",
    "command.no_answer": "{why}",
    "command.device_refused": "{why}",
    "command.not_read_back": "{why}",
    "command.driver_failed": "the driver failed ({error}); whether it was written is not known",
}
_KINDS = {"no_line": NoLineError, "no_answer": NoAnswerError, "not_read_back": NotReadBackError}
"""What a driver may say, the special before the general."""


def of_driver(error: DriverError) -> Message:
    """What a driver says: of which kind it is, as a code, and in the protocol's own words why."""
    kind = next((kind for kind, of in _KINDS.items() if isinstance(error, of)), "device_refused")
    return Message(f"command.{kind}", why=str(error))


def text(reason: Message) -> str:
    """The English text."""
    return TEXTS[reason.code].format_map(reason.params)
