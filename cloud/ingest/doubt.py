"""Whether it is the cloud's own clock that is off, since when, and what then becomes of what was judged by it.

Clocks of machines that know nothing of each other are not wrong alike. So where most gateways that are heard are off alike, at least
three of them, it is the cloud that is off. With fewer, something else must say so too: the machine's clock, which was set to what they
say; what was known when the service ended; or the kernel, which says that no time service keeps the cloud's clock, while two
gateways agree or a time service has set theirs. Without that a gateway is judged, as before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import structlog

from cloud.devices.clocks import OF_CLOCKS, SET, Offset, State
from cloud.devices.own_clock import WHY, Moved, OwnRow
from cloud.ingest.judging import DRIFT, STEADY, Row, Source
from contract import sparkplug

if TYPE_CHECKING:
    from cloud.ingest.batch import Batch
    from cloud.ingest.node_cache import Key, Known

log = structlog.get_logger()
AGREE = 5_000
"""Clocks of gateways that are off by so much (ms) of each other are off alike."""
ENOUGH = 3
"""Gateways that are believed without anything else."""
TWO = 2
HEARD = 600_000
"""Gateways that said nothing for longer (ms) are not counted."""
WEIGH_EVERY = 1000
"""Ms between two times at which it is asked again who is off."""
KEEP_EVERY = 60_000
"""Ms between two times at which a doubt that lasts is kept."""


class _Vote(NamedTuple):
    """What the clock of a gateway shows minus the time that the cloud believes, ms, and whether a time service has set it."""

    offset: int
    synchronised: bool


def weigh(batch: Batch, known: Known, now: int) -> bool:
    """Move the time that the cloud believes, where its gateways or the kernel say so.

    Args:
        batch: Takes what follows.
        known: Has the clocks, and who was heard.
        now: By the time that was believed until now, ms.

    Returns:
        Whether it moved; then `now` is not true any more.
    """
    own = known.own
    votes = list(_votes(known, now))
    right = sum(vote.offset == 0 for vote in votes)
    if own.off and not own.by_gateways and right < ENOUGH and own.kept_by_service():
        _move(batch, known, own.off, now, "a time service keeps the machine's clock", by_gateways=False)
        return True
    alike = _alike(votes)
    if not alike or TWO * len(alike) <= len(votes) or not _credible(known, alike):
        return False
    why = f"{len(alike)} of {len(votes)} gateways agree"
    _move(batch, known, alike[len(alike) // 2].offset, now, why, by_gateways=len(alike) >= ENOUGH)
    return True


def _heard(known: Known, now: int) -> Iterator[tuple[Key, int | None]]:
    """The gateways that are heard, and by how much their clocks are off; None where that is being found out."""
    for key, at in known.heard.items():
        source = known.clocks.get(key)
        if now - at <= HEARD:
            yield key, 0 if source is None else source.said()


def _votes(known: Known, now: int) -> Iterator[_Vote]:
    """What is known of the gateways' clocks; one whose clock is being found out does not vote."""
    for key, offset in _heard(known, now):
        if offset is not None:
            newest = known.nodes[key].newest("")
            yield _Vote(offset, newest is not None and sparkplug.STORE_SYNCHRONISED in newest.types)


def _alike(votes: Sequence[_Vote]) -> Sequence[_Vote]:
    """The most votes for one offset that is not 0, in their order; the smaller offset of two that have as many."""
    off = sorted(vote for vote in votes if abs(vote.offset) > DRIFT)
    ends = [bisect_right(off, first.offset + AGREE, key=lambda vote: vote.offset) for first in off]
    start = max(range(len(off)), key=lambda index: ends[index] - index, default=0)
    return off[start : ends[start]] if off else off


def _credible(known: Known, alike: Sequence[_Vote]) -> bool:
    """Whether so many gateways are to be believed rather than the cloud's clock."""
    if len(alike) >= ENOUGH:
        return True
    own, offset = known.own, alike[len(alike) // 2].offset
    if own.off and abs(offset - own.off) <= STEADY:  # the machine's clock was set to what they say
        return True
    if own.remembered and abs(offset + own.remembered) <= STEADY:
        return True
    return own.kept_by_service() is False and (len(alike) >= TWO or alike[0].synchronised)


def _move(batch: Batch, known: Known, ms: int, now: int, why: str, *, by_gateways: bool) -> None:
    """Believe another time; what was judged by the one before is corrected, and all clocks are looked at anew."""
    own = known.own
    moved = Moved(ms, min(own.since or now, now), now, {}, {}, sure=own.sure)
    batch.moved.append(moved)
    for key, source in list(known.clocks.items()):
        _begin_anew(batch, known, key, source, now + ms)
    for key, (closed, _) in batch.clocks.items():
        for row in closed:
            _correct(moved, key, row)
    batch.events = {key: detail for key, detail in batch.events.items() if key[0] not in OF_CLOCKS or key[1:3] not in moved.right()}
    own.moved(ms, now + ms, by_gateways=by_gateways)
    known.heard.clear()
    for node in known.nodes.values():
        node.heard(now + ms)
    for polls in batch.polls.values():
        polls.shift(ms)
    log.warning("the time that the cloud believes moved", seconds=round(ms / 1000, 1), off_seconds=round(own.off / 1000, 1), why=why)


def _begin_anew(batch: Batch, known: Known, key: Key, source: Source, now: int) -> None:
    closed, _ = batch.clocks.get(key, ([], source))
    closed += source.closed
    row = source.row
    if row is not None and row.state is State.OPEN and row.end >= row.start:
        row.state = State.CLOSED
        closed.append(row)
    del known.clocks[key]
    batch.clocks[key] = (closed, Source(noted_at=now))
    if row is not None and row.state is State.UNDECIDED:
        batch.moved[-1].late[key] = Offset(row.start, row.end, 0, 0)


def _correct(moved: Moved, key: Key, row: Row) -> None:
    """A judgement that is not kept yet, or was open until now."""
    offset = Offset(row.start, row.end, row.offset_from, row.offset_to)
    if not row.why and moved.follows(offset, offset.true_time(row.start)):
        moved.taken.setdefault(key, []).append(offset)
        right = moved.corrected(offset)
        row.offset_from, row.offset_to, row.why = right.offset_from, right.offset_to, WHY


def look_after(batch: Batch, known: Known, now: int) -> int:
    """Weigh what is known about once a second, though nobody says anything new, and keep it.

    Returns:
        `now` (ms) by the time that is believed then.
    """
    own = known.own
    if (known.clocks or own.doubted) and abs(now - own.weighed) >= WEIGH_EVERY:
        found = own.found
        weigh(batch, known, now)
        now -= own.found - found
        own.weighed = now
    keep_doubt(batch, known, now)
    return now


def _listen(known: Known, now: int) -> None:
    """What gateways say of the time that is believed, since it changed last; while none of them is heard, what the last ones said stands.

    One that agrees may share the cloud's clock, so only most of them together show that it is right.
    """
    own = known.own
    spoken = [(at, offset) for key, offset in _heard(known, now) if (at := known.heard[key]) >= own.changed]
    right = [at for at, offset in spoken if offset == 0]
    if spoken:
        own.unsure = TWO * len(right) <= len(spoken)
    if right and not own.unsure:
        own.agreed(max(right), enough=len(right) >= ENOUGH)


def keep_doubt(batch: Batch, known: Known, now: int) -> None:
    """Put how far the cloud's clock is off into the batch, if it began, ended, changed or lasts.

    After a start what was known before stands until a gateway that is right, or the kernel, says that it is over.
    """
    own, row = known.own, known.own_row
    if own.remembered and (own.off or any(key not in known.clocks for key in known.heard) or own.kept_by_service()):
        own.remembered = 0
    _listen(known, now)
    wall = now + own.off
    if row is not None and not own.remembered and (own.off == 0 or abs(own.off - row.offset) > SET):
        batch.own.append(row._replace(state=State.CLOSED))
        row = None
    if own.off and (row is None or abs(wall - row.end) >= KEEP_EVERY):
        start = wall if row is None else min(row.start, wall)
        row = OwnRow(start, max(wall, row.end if row else wall), own.off if row is None else row.offset, State.OPEN)
        batch.own.append(row)
    known.own_row = row
