"""The host's session with the broker and its STATE, against a real mosquitto (section 1.3 of the checklist, `host-topic-*`)."""

from __future__ import annotations

import asyncio
import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING

import aiomqtt
import pytest
import sqlalchemy as sa

from cloud.platform import database
from contract import topics
from contract.topics import Topic
from simulators.foreign_node import metric
from tests.waiting import until

if TYPE_CHECKING:
    from cloud.ingest.batch import Batch
    from tests.cloud.ingest.conftest import Cloud

HOST = "host1"
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def retained(port: int) -> tuple[bool, int, int]:
    """The STATE that the broker keeps: online, timestamp, QoS."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topics.state(HOST), qos=1)
        async with asyncio.timeout(10):
            message = await anext(aiter(client.messages))
    assert message.retain
    assert isinstance(message.payload, bytes)
    said = json.loads(message.payload)
    assert set(said) == {"online", "timestamp"}
    return said["online"], said["timestamp"], message.qos


async def test_connect_then_subscribe_then_online(cloud: Cloud) -> None:
    """A clean session with a retained will at QoS 1, then all subscriptions in one packet, then STATE as the first publication.

    tck-id-message-flow-phid-sparkplug-clean-session-311, tck-id-message-flow-phid-sparkplug-subscription,
    tck-id-host-topic-phid-birth-sub-required, tck-id-host-topic-phid-birth-message, -birth-qos, -birth-retain,
    tck-id-host-topic-phid-death-required, -death-qos, -death-retain.
    """
    async with cloud.running():
        connected, will, subscribed, published, *_ = cloud.broker.packets()
    assert "c1" in connected.split("(")[1]
    assert "(r1, q1)" in will
    assert subscribed.startswith("Received SUBSCRIBE")
    assert published.startswith("Received PUBLISH")
    assert "q1, r1" in published
    assert topics.state(HOST) in published
    log = cloud.broker.log.read_text(encoding="utf-8")
    assert [f"\t{topic}\n" in log for topic in (f"{topics.state(HOST)} (QoS 1)", "spBv1.0/# (QoS 0)")] == [True, True]


async def test_what_hosts_say_is_ignored(cloud: Cloud) -> None:
    """Our own commands come back, other hosts' commands and STATE come too: neither is a fault, and none is taken into a batch."""
    batches: list[Batch] = []
    async with cloud.running(stored=batches.append) as host, cloud.edge() as edge:
        await edge.say("DDATA", metric(value=1.0, alias=1), device="d1")
        await edge.until(edge.rebirths)
        for topic in (Topic("g2", "NCMD", "n"), Topic("g2", "DCMD", "n", "d"), topics.state("other"), Topic("510802", "DCMD", "f1", "d1")):
            await edge.client.publish(str(topic), b"\xff")
        await edge.client.publish("spBv1.0/g2/odd/n", b"")
        await cloud.until(lambda: host.dropped["not a Sparkplug topic"] == 1)
    assert host.dropped == {"not a Sparkplug topic": 1}
    assert sum(bool(batch.dropped) for batch in batches) == 1


async def test_a_broker_that_refuses_the_namespace_is_asked_by_kind(cloud: Cloud, tmp_path: Path) -> None:
    """A broker may refuse a filter that is wider than what may be read: what edge nodes say is then subscribed by itself."""
    cloud.broker.restart(dynamic_security(tmp_path / "rights.json", refused="spBv1.0/#"))
    async with cloud.running(), cloud.edge() as edge:
        await edge.say("NBIRTH", metric("bdSeq", 0), metric("level", 2.5))
        await cloud.until(lambda: cloud.latest("f1") == {"level": 2.5})
    assert "\tspBv1.0/+/NBIRTH/# (QoS 0)\n" in cloud.broker.log.read_text(encoding="utf-8")


def dynamic_security(file: Path, refused: str) -> str:
    """Settings of mosquitto's plugin: everybody may do everything but subscribe one filter."""
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    roles = [{"rolename": "all", "acls": [{"acltype": "subscribeLiteral", "topic": refused, "priority": 9, "allow": False}]}]
    groups = [{"groupname": "all", "clients": [], "roles": [{"rolename": "all", "priority": 1}]}]
    default = dict.fromkeys(("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"), True)
    said = {"defaultACLAccess": default, "roles": roles, "groups": groups, "anonymousGroup": "all", "clients": []}
    file.write_text(json.dumps(said), encoding="utf-8")
    return f"user {getpass.getuser()}\nplugin {plugin}\nplugin_opt_config_file {file}\n"


async def test_the_birth_has_the_time_of_the_will(cloud: Cloud) -> None:
    """When the session is lost, the broker says what CONNECT told it to: offline, dated like the birth.

    tck-id-host-topic-phid-birth-payload-timestamp, tck-id-host-topic-phid-death-payload-timestamp-connect,
    tck-id-message-flow-phid-sparkplug-state-publish-payload-timestamp, tck-id-host-topic-phid-death-payload.
    """
    before = cloud.clock.now_ms()
    async with cloud.running():
        online, born_at, qos = await retained(cloud.broker.port)
        assert (online, qos) == (True, 1)
        assert before <= born_at <= cloud.clock.now_ms()
        async with cloud.edge() as edge:
            await edge.until(edge.states)
            async with aiomqtt.Client("127.0.0.1", cloud.broker.port, identifier=f"host-{HOST}"):  # takes the session over
                await edge.until(lambda: (False, born_at) in edge.states())


async def test_a_lost_session_is_followed_by_a_new_one(cloud: Cloud) -> None:
    """After a loss the host connects again and is online with the time of that CONNECT (tck-id-host-topic-phid-birth-required)."""
    async with cloud.running(), cloud.edge() as edge:
        await edge.until(edge.states)
        (_, first) = edge.states()[0]
        async with aiomqtt.Client("127.0.0.1", cloud.broker.port, identifier=f"host-{HOST}"):
            await edge.until(lambda: (False, first) in edge.states())
        await edge.until(lambda: any(online and at > first for online, at in edge.states()))


async def test_a_host_that_was_thrown_off_asks_first_whether_it_still_is_the_host(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it cannot ask the database, another may be the host by its name: it opens no session that would throw that one off."""
    asked: list[int] = []

    def away(_engine: object) -> None:
        asked.append(1)
        if len(asked) < 3:
            raise sa.exc.OperationalError("", None, RuntimeError("another process has the role leader"))

    async with cloud.running() as host, cloud.edge() as edge:
        await edge.until(edge.states)
        (_, first) = edge.states()[0]
        monkeypatch.setattr(database, "ask", away)
        async with aiomqtt.Client("127.0.0.1", cloud.broker.port, identifier=f"host-{HOST}"):
            await until(lambda: len(asked) == 2)
            assert not host.online.is_set()
            assert not any(online and at > first for online, at in edge.states())
        await edge.until(lambda: any(online and at > first for online, at in edge.states()))
    assert len(asked) == 3


async def test_a_false_death_is_answered_at_once(cloud: Cloud) -> None:
    """Whoever says offline in our name while we are up is contradicted, with the birth as it was.

    tck-id-message-flow-hid-sparkplug-state-message-delivered.
    """
    async with cloud.running(), cloud.edge() as edge:
        await edge.until(edge.states)
        birth = edge.states()[0]
        await edge.client.publish(topics.state(HOST), json.dumps({"online": False, "timestamp": birth[1] - 5000}), qos=1, retain=True)
        await edge.until(lambda: len(edge.states()) == 3)
        assert edge.states()[1:] == [(False, birth[1] - 5000), birth]
        assert (await retained(cloud.broker.port))[:2] == birth


async def test_garbage_in_our_name_is_replaced(cloud: Cloud) -> None:
    """A retained STATE that is no JSON would keep every edge node offline."""
    async with cloud.running(), cloud.edge() as edge:
        await edge.until(edge.states)
        birth = edge.states()[0]
        await edge.client.publish(topics.state(HOST), b"\xff{[", qos=1, retain=True)
        await edge.until(lambda: len(edge.heard) == 3)
        assert (await retained(cloud.broker.port))[:2] == birth


async def test_a_death_dated_later_is_outlived(cloud: Cloud) -> None:
    """Edge nodes ignore a birth older than the last STATE they saw; a new session comes with a time that they believe.

    tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp, seen from the host.
    """
    async with cloud.running(), cloud.edge() as edge:
        await edge.until(edge.states)
        ahead = edge.states()[0][1] + 3_600_000
        await edge.client.publish(topics.state(HOST), json.dumps({"online": False, "timestamp": ahead}), qos=1, retain=True)
        await edge.until(lambda: (True, ahead) in edge.states())


async def test_a_clean_stop_says_goodbye(cloud: Cloud) -> None:
    """Offline with the current time, then DISCONNECT, so that the will stays unsaid.

    tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean, tck-id-operational-behavior-host-application-termination.
    """
    async with cloud.edge() as edge:
        async with cloud.running():
            await edge.until(edge.states)
            stopping = cloud.clock.now_ms()
        await edge.until(lambda: len(edge.states()) == 2)
        online, at = edge.states()[1]
        assert (online, stopping <= at <= cloud.clock.now_ms()) == (False, True)
        assert (await retained(cloud.broker.port))[:2] == (False, at)
    *_, goodbye, disconnect = (p for p in cloud.broker.packets() if "PUBACK" not in p)
    assert goodbye.startswith("Received PUBLISH")
    assert disconnect.startswith("Received DISCONNECT")
