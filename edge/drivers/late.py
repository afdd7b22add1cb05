"""Answers that may still come: Modbus RTU has no transaction id, so a late answer looks like the answer to the next request.

A slave answers in the order in which it was asked. So an answer that can be none of those it still owes shows that they are past,
and until then no request is sent whose answer could be taken for one of them.
"""

from __future__ import annotations

from typing import NamedTuple


class Shape(NamedTuple):
    """What tells two answers of one slave apart when nothing else does.

    Attributes:
        function: Modbus function code.
        size: Of a read the registers, or bytes of bits, that come back; of a write the address that is echoed.
    """

    function: int
    size: int


class Late:
    """What each slave of a line still owes."""

    def __init__(self, past: float) -> None:
        """After `past` seconds without a new debt no answer is believed to come any more."""
        self._past = past
        self._owed: dict[int, set[Shape]] = {}
        self._since: dict[int, float] = {}

    def given_up(self, unit: int, shape: Shape, now: float) -> None:
        """A request was not answered in time, or something else came instead; `now` is monotonic, in seconds."""
        self._owed.setdefault(unit, set()).add(shape)
        self._since[unit] = now

    def may_come(self, unit: int, shape: Shape, now: float) -> bool:
        """Whether an answer of this shape to an older request may still come."""
        if unit in self._since and now - self._since[unit] > self._past:
            self.settled(unit)
        return shape in self._owed.get(unit, ())

    def owes(self, unit: int) -> bool:
        """Whether anything may still come."""
        return unit in self._owed

    def settled(self, unit: int) -> None:
        """Everything that the slave owed is past."""
        self._owed.pop(unit, None)
        self._since.pop(unit, None)
