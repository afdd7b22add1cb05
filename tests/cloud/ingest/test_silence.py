"""Who says nothing is asked, and who does not answer is offline: no foreign node stays online for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.ingest import host as host_module
from cloud.ingest.batch import Batch
from cloud.ingest.lives import quiet
from contract import sparkplug
from contract.reading import Row
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import FOREIGN, GROUP, NOW, Said, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

KEY = (GROUP, FOREIGN)
SILENCE, ANSWER = 300_000, 10_000


def births(at: int, bd_seq: int = 7) -> list[Said]:
    return [(topic("NBIRTH"), nbirth(at=at, bd_seq=bd_seq)), (topic("DBIRTH", "d1"), payload([metric("a", 1.0)], at=at, seq=1))]


def death(bd_seq: int) -> Said:
    return topic("NDEATH"), sparkplug.node_death(bd_seq, at=NOW)


def data(seq: int, at: int) -> Said:
    return topic("DDATA", "d1"), payload([metric("a", 2.0, at=at)], at=at, seq=seq)


def lives(line: Line) -> dict[str, object]:
    """Whether the node is online, and since when it and its device are dead."""
    (node,) = line.rows(tables.node, id=FOREIGN)
    return {"online": node["online"]} | {r["device"]: r["dead_at"] for r in line.rows(tables.device_state)}


ALIVE = {"online": True, "d1": None, FOREIGN: None}


def dead(at: int) -> dict[str, object]:
    return {"online": False, "d1": at, FOREIGN: at}


@pytest.mark.parametrize("wrong", [6, 8, 0])
def test_a_death_with_a_wrong_bdseq_is_asked_about(line: Line, wrong: int) -> None:
    """It may be of an older session, so it ends nothing by itself; but a node that does not answer the question is offline."""
    line.feed(*births(NOW))
    asked = line.feed(death(wrong), at=NOW + 1000)
    assert (asked.dropped, asked.doubted, lives(line)) == ({"death of another session": 1}, {KEY}, ALIVE)
    assert line.feed(death(wrong), at=NOW + 1500).doubted == set(), "asked once until it answers"
    line.wait(NOW + 1000 + ANSWER - 1)
    assert lives(line) == ALIVE
    line.wait(NOW + 1000 + ANSWER)
    assert lives(line) == dead(NOW + 1000 + ANSWER)


@pytest.mark.parametrize("answer", [births(NOW + 2000), [data(2, NOW + 2000)]], ids=["births", "data"])
def test_who_answers_lives_on(line: Line, answer: list[Said]) -> None:
    """A late death of an older session is wrong about a node that speaks."""
    line.feed(*births(NOW))
    line.feed(death(6), at=NOW + 1000)
    line.feed(*answer, at=NOW + 2000)
    line.wait(NOW + 1000 + 10 * ANSWER)
    assert lives(line) == ALIVE


def test_silence_is_asked_about_and_ends_a_node(line: Line) -> None:
    """A death that nobody heard of: after five minutes without a word the node is asked, and 10 s later it is offline."""
    line.feed(*births(NOW))
    assert line.wait(NOW + SILENCE - 1).doubted == set()
    assert line.wait(NOW + SILENCE).doubted == {KEY}
    assert line.wait(NOW + SILENCE + ANSWER - 1).doubted == set()
    assert lives(line) == ALIVE
    line.wait(NOW + SILENCE + ANSWER)
    assert lives(line) == dead(NOW + SILENCE + ANSWER)
    assert line.wait(NOW + 10 * SILENCE).doubted == set(), "who is offline is not asked"


def test_a_node_that_was_taken_for_dead_is_asked_when_it_speaks(line: Line) -> None:
    """Its data counts as before, and its births bring it back."""
    line.feed(*births(NOW))
    line.wait(NOW + SILENCE)
    end = NOW + SILENCE + ANSWER
    line.wait(end)
    spoke = line.feed(data(2, end + 1000), at=end + 1000)
    assert (spoke.rebirths, lives(line)["online"]) == ({KEY}, False)
    assert line.values("d1", "a")[-1] == (end + 1000, 2.0)
    line.feed(*births(end + 2000), at=end + 2000)
    assert lives(line) == ALIVE


def test_a_host_that_was_away_does_not_take_its_own_deafness_for_silence(line: Line) -> None:
    """After a restart and after a lost session silence counts from the new session on; a node that died meanwhile ends all the same."""
    line.feed(*births(NOW))
    line.restart()
    late = NOW + 10 * SILENCE
    line.session(late)
    assert line.wait(late + SILENCE - 1).doubted == set()
    line.session(late + SILENCE)
    assert line.wait(late + SILENCE + 1).doubted == set()
    assert line.wait(late + 2 * SILENCE).doubted == {KEY}
    line.wait(late + 2 * SILENCE + ANSWER)
    assert lives(line) == dead(late + 2 * SILENCE + ANSWER)


def test_a_node_of_ours_is_not_asked(line: Line) -> None:
    """It says something every half minute, and the rule gateway_offline looks after its silence."""
    line.feed((topic("NBIRTH"), nbirth(at=NOW, bd_seq=7, outbox="uuid")))
    assert line.feed(death(6), at=NOW + 1).doubted == set()
    assert line.wait(NOW + 2 * SILENCE).doubted == set()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.integers(1, SILENCE + ANSWER - 1), max_size=12), looks=st.integers(1, 40))
def test_who_speaks_often_enough_never_dies(line: Line, gaps: list[int], looks: int) -> None:
    """Whatever the rhythm of messages and looks: as long as no pause reaches silence and answer together, a node stays online."""
    line.restart()
    line.feed(*births(NOW))
    node, at = line.known.nodes[KEY], NOW
    for gap in gaps:
        for look in range(1, looks):
            quiet(Batch(), line.known, at + gap * look // looks, SILENCE, ANSWER)
        at += gap
        node.heard(at)
        assert node.online


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_silent_node_on_a_real_broker(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked by NCMD; while it answers it is online, and once it does not it is offline."""
    monkeypatch.setattr(host_module, "REBIRTH_EVERY", 0.1)
    cloud.settings = {"silence": 1.0, "answer": 3.0}
    async with cloud.running(), cloud.edge() as edge:
        await edge.say("NBIRTH", metric("bdSeq", 7), metric("level", 1.0))
        await edge.until(lambda: edge.rebirths() == 1)
        await edge.say("NBIRTH", metric("bdSeq", 7), metric("level", 2.0))
        await edge.until(lambda: edge.rebirths() == 2)
        assert lives(line)["online"]
        await cloud.until(lambda: not lives(line)["online"])
        row = sparkplug.data(
            sparkplug.encode_rows([Row(FOREIGN, cloud.clock.now_ms(), {"level": 3.0})]), sent_at=cloud.clock.now_ms(), seq=1
        )
        await edge.raw("NDATA", row)
        await edge.until(lambda: edge.rebirths() == 3)
        await edge.say("NBIRTH", metric("bdSeq", 8), metric("level", 4.0))
        await cloud.until(lambda: lives(line)["online"])
