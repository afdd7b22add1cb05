"""Answers that may still come: without transaction ids a late answer looks like the answer to the next request.

A slave answers in the order in which it was asked. So no request is sent whose answer could be taken for one that the slave still
owes; what then comes late is known by its unit id and its shape, and shows how long this slave takes at times.
"""

from __future__ import annotations

from protocols.modbus.codec.frames import READS, Frame, Shape

REMEMBERED = 600.0
"""Seconds for which a slave that answered late is waited for longer."""
_MARGIN = 1.25
"""Of the latest answer seen, so that the next one like it comes in time."""
_MOST_PATIENCE = 3.0
"""Time-outs that anybody is waited for, at most."""
_TRIAL = 2.0
"""Time-outs that a slave is waited for which answered its last request: on a silent line its late answer runs into nothing."""
AGAIN = 60.0
"""Seconds after which a slave that was waited for in vain is waited for so long again."""


class Late:
    """What each slave of a line still owes."""

    def __init__(self, past: float) -> None:
        """After `past` seconds without a new debt no answer is believed to come any more."""
        self._past = past
        self._owed: dict[int, dict[Shape, float]] = {}
        self._since: dict[int, float] = {}
        self._latest: dict[int, tuple[float, float]] = {}
        self._answering: set[int] = set()
        self._in_vain: dict[int, float] = {}

    def given_up(self, unit: int, shape: Shape, asked: float, now: float) -> None:
        """A request was not answered in time, or something else came instead; times are monotonic, in seconds."""
        self._owed.setdefault(unit, {}).setdefault(shape, asked)
        self._since[unit] = now
        if unit in self._answering and now - self._in_vain.get(unit, -AGAIN) >= AGAIN:
            self._in_vain[unit] = now
        self._answering.discard(unit)

    def may_come(self, unit: int, shape: Shape, now: float) -> bool:
        """Whether an answer to an older request may still come that could be taken for one of this shape.

        A late exception to another write by the same function could: it names no address, and would refuse what the slave then does.
        """
        if unit in self._since and now - self._since[unit] > self._past:
            self.settled(unit)
        return shape in self._owed.get(unit, ()) or (shape.function not in READS and self.owes(unit, shape.function))

    def owes(self, unit: int, function: int | None = None) -> bool:
        """Whether anything may still come; or anything of one function, which an exception might be the answer to."""
        owed = self._owed.get(unit, ())
        return bool(owed) if function is None else any(shape.function == function for shape in owed)

    def came(self, frame: Frame, unit: int, now: float) -> bool:
        """Something came that is no answer to what is being asked; whether the slave owed it. All that is older is past then."""
        owed = self._owed.get(unit)
        if not owed:
            return False
        fitting = [s for s in owed if s.function == frame.function] if frame.refused else [s for s in (frame.shape,) if s in owed]
        if len(fitting) != 1:
            return bool(fitting)
        self._learn(unit, now - owed[fitting[0]], now)
        for shape in list(owed):
            del owed[shape]
            if shape == fitting[0]:
                break
        if not owed:
            self.settled(unit)
        return True

    def settled(self, unit: int) -> None:
        """Everything that the slave owed is past."""
        self._owed.pop(unit, None)
        self._since.pop(unit, None)

    def patience(self, unit: int, timeout: float, now: float) -> float:
        """Seconds to wait for an answer: longer where the slave lately answered late, or may well do so; never while it owes something."""
        if self.owes(unit):
            return timeout
        taken, seen = self._latest.get(unit, (0.0, now))
        if timeout < taken < timeout * _MOST_PATIENCE and now - seen < REMEMBERED:
            return min(taken * _MARGIN, timeout * _MOST_PATIENCE)
        trial = unit in self._answering and now - self._in_vain.get(unit, -AGAIN) >= AGAIN
        return timeout * _TRIAL if trial else timeout

    def took(self, unit: int, seconds: float, timeout: float, now: float) -> None:
        """An answer came while it was waited for; one beyond the time-out is worth remembering."""
        self._answering.add(unit)
        if seconds > timeout:
            self._learn(unit, seconds, now)

    def _learn(self, unit: int, seconds: float, now: float) -> None:
        taken, seen = self._latest.get(unit, (0.0, now))
        self._latest[unit] = (max(seconds, taken) if now - seen < REMEMBERED else seconds, now)
