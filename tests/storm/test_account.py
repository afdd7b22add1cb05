"""What damage destroyed, by the storm's own account: all the rest of an outbox must be found by a gateway that opens it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from contract.reading import Row
from edge.outbox import dating, retention
from edge.outbox.outbox import Outbox
from edge.outbox.salvage import salvage
from tests.storm.accounts import Measured, measured, rows_in
from tests.storm.damage import Damage

HOUR = retention.HOUR
AT = 1_790_000_000_000 // HOUR * HOUR


def worked(outbox: Outbox, chance: random.Random) -> None:
    """Some of what a gateway does with its outbox in an hour: pages split, are merged and become free, and leave bytes of rows behind."""
    number = 0
    for _ in range(60):
        boot = "unset" if chance.random() < 0.1 else None
        rows = []
        for _ in range(chance.randrange(1, 5)):
            number += 1
            at = number * 1000 if boot else AT + number * 1000
            values = {f"p{point}": number + point / 7 for point in range(chance.randrange(1, 16))}
            rows += [Row(f"m{meter}", at, values) for meter in range(chance.randrange(1, 4))]  # meters of one kind may say the same
        outbox.commit(rows, boot=boot)
        if chance.random() < 0.3:
            first = chance.randrange(1, number + 1)
            outbox.acknowledge([(first, first + chance.randrange(20))])
        if chance.random() < 0.2:
            retention.pack(outbox, AT + chance.randrange(number) * 1000)
        if chance.random() < 0.1:
            dating.date(outbox, "unset", AT + HOUR)
        if chance.random() < 0.1:
            outbox.checkpoint()
    dating.date(outbox, "unset", AT + HOUR)


def committed(path: Path, *states: int) -> set[Measured]:
    """What has its date, by whether it was acknowledged."""
    return {each for device, body, acknowledged in rows_in(path) if acknowledged in states for each in measured(device, body)}


def taken_up(path: Path) -> set[Measured]:
    """What a gateway that starts on the damaged file would send."""
    outbox = Outbox(path)
    for work in (outbox.look_through, lambda: salvage(outbox), outbox.stats):
        with suppress(sqlite3.Error):
            work()
    salvage(outbox)
    found = {each for kept in outbox.pending(0, 10_000) for each in measured(kept.device, kept.body)}
    outbox.close()
    return found


@pytest.mark.parametrize("seed", range(30))
def test_what_the_account_does_not_call_destroyed_is_sent(seed: int, tmp_path: Path) -> None:
    """Every row that is whole in a page is sent, and no other; the storm counts as lost what is neither sent nor destroyed."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    source = Outbox(tmp_path / "source.db")
    worked(source, chance)
    path = tmp_path / "outbox.db"  # as a power cut leaves it: with its log
    for end in ("", "-wal"):
        shutil.copyfile(f"{source.path}{end}", f"{path}{end}")
    source.close()
    before, acknowledged = committed(source.path, 0), committed(source.path, 1)
    damage = Damage(path, tmp_path / "copies", chance)
    damage.happen()
    found = taken_up(path)
    assert before - damage.gone <= found <= before | acknowledged
    assert damage.gone.isdisjoint(found)
