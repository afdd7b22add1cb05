"""A client id is its user's: on the broker's shipped files, with a real mosquitto, nobody takes another's session."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import aiomqtt
import pytest

from cloud.ingest.broker_log import Attempt, BrokerLog, Reason
from cloud.ingest.subscriptions import share
from contract import rights
from contract.site import Gateway, load_site
from contract.sitefolder import shipped_site
from contract.topics import NodeId
from edge.settings import Broker
from tests import commands
from tests.deploy.broker import Mosquitto, certificates, client, password, shipped

METER = "meters/c1/charger"
BUS = "gw-c1-c1-mqtt"
FORMER = "\n".join(line for line in shipped("broker.conf").splitlines() if not line.startswith(("use_username_as_clientid", "log_dest")))
"""broker.conf as it was before client ids were bound."""


@pytest.fixture
def both(files: Path, mosquitto: None) -> Iterator[Mosquitto]:
    """The listener with TLS and the one without."""
    _ = mosquitto
    server = Mosquitto(files, shipped("broker.conf", "broker-plain.conf"))
    yield server
    server.stop()


async def said(broker: Mosquitto, text: bytes) -> None:
    """As the meter does."""
    async with client(broker, "device-c1-e-charger") as meter:
        await meter.publish(METER, text, qos=1)


async def heard(session: aiomqtt.Client, number: int) -> list[bytes]:
    messages = aiter(session.messages)
    return [bytes(found.payload) for found in [await anext(messages) for _ in range(number)] if isinstance(found.payload, bytes)]


@pytest.mark.parametrize("plain", [False, True], ids=["tls", "plain"])
async def test_another_users_id_takes_no_session(both: Mosquitto, plain: bool) -> None:  # noqa: FBT001 (a parameter of a test)
    """Its owner stays connected, and what the broker keeps for it while it is away is still there after somebody asked for its id anew."""
    async with client(both, BUS, "owner", keep=True) as owner:
        await owner.subscribe(METER, 1)
        for name in (BUS, "owner"):
            async with client(both, "gw-c2", name, plain=plain):
                pass
        await said(both, b"while here")
        assert await heard(owner, 1) == [b"while here"]
    await said(both, b"while away")
    for name in (BUS, "owner"):
        async with client(both, "gw-c2", name, plain=plain) as thief:  # a clean session, which would throw the kept one away
            await thief.subscribe(METER, 1)
    async with client(both, BUS, "owner", keep=True) as owner:
        assert await heard(owner, 1) == [b"while away"]


@pytest.mark.parametrize("name", ["510802-gw-c1", "gw-c1"])
async def test_another_users_id_kills_no_gateway(broker: Mosquitto, name: str) -> None:
    """Its will is not sent: the cloud hears no death between two messages of a gateway whose id somebody else asked for."""
    topic = "spBv1.0/510802/{}/gw-c1"
    will = aiomqtt.Will(topic.format("NDEATH"), b"dead", qos=1)
    async with client(broker, "cloud") as cloud, client(broker, "gw-c1", "510802-gw-c1", will=will) as gateway:
        await cloud.subscribe("spBv1.0/#", 1)
        await gateway.publish(topic.format("NDATA"), b"before", qos=1)
        async with client(broker, "gw-c2", name):
            pass
        await gateway.publish(topic.format("NDATA"), b"after", qos=1)
        assert await heard(cloud, 2) == [b"before", b"after"]


async def test_one_process_of_a_gateway_does_not_disturb_another(broker: Mosquitto) -> None:
    """Uplink, bus, bridge, meter, cloud and its watch are all connected at once, each by its own user, whatever ids they ask for."""
    users = ["cloud", "cloud-watch", "gw-c1", BUS, "devices-c1-mqtt", "device-c1-e-charger", "gw-vehicles", "gw-vehicles-emqx"]
    async with AsyncExitStack() as stack:
        connected = [await stack.enter_async_context(client(broker, user, "the same")) for user in users]
        answers = [await one.subscribe("spBv1.0/STATE/jieyue", 1) for one in connected]
    assert len(answers) == len(users)


async def test_an_upgrade_keeps_what_waits_for_a_bus(files: Path, mosquitto: None) -> None:
    """As docs/operating.md says: new users at a running broker, the bus by its own user, then ids are bound; nothing kept is lost."""
    _ = mosquitto
    whole = (files / "passwd").read_text(encoding="utf-8")
    known = [line for line in whole.splitlines() if line.partition(":")[0] in {"cloud", "gw-c1", "devices-c1-mqtt"}]
    (files / "passwd").write_text("\n".join(known) + "\n", encoding="utf-8")
    broker = Mosquitto(files, FORMER)
    try:
        async with client(broker, "gw-c1", BUS, keep=True) as before:
            await before.subscribe(METER, 1)
        async with client(broker, "devices-c1-mqtt") as meters:
            await meters.publish(METER, b"before", qos=1)
        (files / "passwd").write_text(whole, encoding="utf-8")
        broker.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while not await enters(broker, "cloud-watch"):
                pass
        async with client(broker, BUS, BUS, keep=True) as own:
            assert await heard(own, 1) == [b"before"]
        await said(broker, b"meanwhile")
        broker.stop()
        broker.configure(shipped("broker.conf"))
        broker.start()
        async with client(broker, BUS, BUS, keep=True) as after:
            assert await heard(after, 1) == [b"meanwhile"]
    finally:
        broker.stop()


async def enters(broker: Mosquitto, user: str) -> bool:
    """Whether the broker lets a user in."""
    try:
        async with client(broker, user):
            return True
    except aiomqtt.MqttError:
        return False


async def test_the_former_configuration_goes_on_working(files: Path, mosquitto: None) -> None:
    """A broker whose configuration does not bind ids, with today's users: uplink and bus by one user, as gateways of before connect."""
    _ = mosquitto
    broker = Mosquitto(files, FORMER)
    try:
        async with client(broker, "gw-c1", "510802-gw-c1") as uplink, client(broker, "gw-c1", BUS, keep=True) as bus:
            await bus.subscribe(METER, 1)
            await said(broker, b"here")
            assert await heard(bus, 1) == [b"here"]
            await uplink.publish("spBv1.0/510802/NDATA/gw-c1", b"mine", qos=1)
    finally:
        broker.stop()


def test_each_user_has_its_own_rights() -> None:
    """Of the shipped site: who may do what, line by line, with a node of another maker."""
    found = rights.rights(load_site(shipped_site("lizhou")), "jieyue", [NodeId("510899", "pump")])
    assert found["cloud-watch"] == ["topic read $SYS/broker/log/#"]
    assert not any(user.startswith("cloud-worker") for user in found)
    assert rights.rights(load_site(shipped_site("lizhou")), "jieyue", workers=1)["cloud-worker-1"] == [
        "topic read spBv1.0/+/DDATA/#",
        "topic write spBv1.0/+/NCMD/#",
    ]
    assert found[BUS] == [f"topic read {METER}"]
    assert found["devices-c1-mqtt"] == found["device-c1-e-charger"] == [f"topic write {METER}"]
    assert found["pump@510899"] == [
        "topic read spBv1.0/STATE/jieyue",
        *(f"topic write spBv1.0/510899/{kind}/pump" for kind in ("NBIRTH", "NDATA", "NDEATH")),
        *(f"topic write spBv1.0/510899/{kind}/pump/+" for kind in ("DBIRTH", "DDATA", "DDEATH")),
        "topic read spBv1.0/510899/NCMD/pump",
        "topic read spBv1.0/510899/DCMD/pump/+",
    ]
    assert found["cloud"] == [
        "topic readwrite spBv1.0/STATE/jieyue",
        *(f"topic read spBv1.0/+/{kind}/#" for kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH")),
        *(f"topic write spBv1.0/+/{kind}/#" for kind in ("NCMD", "DCMD")),
    ]
    wide = {user for user, lines in found.items() if any(set("#") & set(line) for line in lines)}
    assert wide == {"cloud", "cloud-watch"}


def test_nobody_may_write_the_topics_of_all_meters() -> None:
    """Two meters behind whichever gateway, told apart by a key: only the client that publishes for all has a user."""
    site = load_site(shipped_site("lizhou"))
    meter = site.device_by_id["c1-e-charger"]
    behind = meter.model_copy(update={"topic": "meters/+/up"})
    devices = [behind if device is meter else device for device in site.devices]
    found = rights.rights(site.model_copy(update={"devices": [*devices, behind.model_copy(update={"id": "c1-e-other"})]}), "jieyue")
    assert [user for user, lines in found.items() if "topic write meters/+/up" in lines] == ["devices-c1-mqtt"]
    assert not {"device-c1-e-charger", "device-c1-e-other"} & found.keys()


def test_ids_that_make_one_user_of_two_are_refused() -> None:
    """The bus `mqtt` of the gateway `gw-c1` and a gateway `gw-c1-c1-mqtt` would be one user; a colon ends a name in mosquitto's files."""
    site = load_site(shipped_site("lizhou"))
    same = site.model_copy(update={"gateways": [*site.gateways, Gateway(id=BUS)]})
    with pytest.raises(ValueError, match=f"two parts of the site lizhou would be the broker's user '{BUS}'"):
        rights.rights(same, "jieyue")
    for node in (NodeId("510899", "pu:mp"), NodeId("510899", "pump "), NodeId(" 510899", "pump")):
        with pytest.raises(ValueError, match="expected ids without colons"):
            rights.rights(site, "jieyue", [node])


def run_broker(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"JIEYUE_SITE": "lizhou"}
    return commands.run("cloud", "broker", str(folder), *arguments, environment=environment)


def test_a_node_of_another_maker_is_remembered(files: Path) -> None:
    """It has a user after it was named once; one that people wrote into the file too; a wrong line is named and changes nothing."""
    assert run_broker(files, "--node", "510899/pump").returncode == 0
    with (files / "nodes").open("a", encoding="utf-8") as nodes:
        nodes.write("510899/fan\n")
    assert run_broker(files).returncode == 0
    assert {"pump@510899", "fan@510899"} <= {line.partition(":")[0] for line in (files / "passwd").read_text().splitlines()}
    before = (files / "passwd").read_bytes()
    (files / "nodes").write_text("510899/pump\nfan\n", encoding="utf-8")
    wrong = run_broker(files)
    assert (wrong.returncode, wrong.stderr) == (2, f"jieyue-cloud: {files}/nodes:2: expected GROUP/NODE, got 'fan'\n")
    assert (files / "passwd").read_bytes() == before


def test_workers_are_remembered(files: Path) -> None:
    """So many have a user until another number is said; a wrong one is named and changes nothing."""

    def workers() -> set[str]:
        users = {line.partition(":")[0] for line in (files / "passwd").read_text(encoding="utf-8").splitlines()}
        return {user for user in users if user.startswith("cloud-worker")}

    for arguments, number in ([], 0), (["--workers", "3"], 3), ([], 3), (["--workers", "1"], 1):
        assert run_broker(files, *arguments).returncode == 0
        assert workers() == {f"cloud-worker-{n}" for n in range(1, number + 1)}
    wrong = run_broker(files, "--workers", "many")
    assert (wrong.returncode, wrong.stderr.splitlines()[-1]) == (
        2,
        "jieyue-cloud broker: argument --workers: expected a number from 0 to 100, got 'many'",
    )
    (files / "workers").write_text("-1\n", encoding="utf-8")
    wrong = run_broker(files)
    assert (wrong.returncode, wrong.stderr) == (2, f"jieyue-cloud: {files}/workers: expected a number from 0 to 100, got '-1'\n")
    assert workers() == {"cloud-worker-1"}


async def test_workers_share_what_devices_say_and_hear_nothing_else(files: Path, mosquitto: None) -> None:
    """Each message comes to one of them; what nodes say, and births, to neither; they may acknowledge, and not command a device."""
    _ = mosquitto
    assert run_broker(files, "--workers", "2").returncode == 0
    broker = Mosquitto(files, shipped("broker.conf"))
    device, node = "spBv1.0/510802/{}/gw-c1/c1-e-main", "spBv1.0/510802/{}/gw-c1"
    try:
        async with (
            client(broker, "cloud-worker-1") as one,
            client(broker, "cloud-worker-2") as other,
            client(broker, "gw-c1") as gateway,
        ):
            for worker in (one, other):
                await worker.subscribe([(node.format("NDATA"), 1), (device.format("DBIRTH"), 1)])
                await share(worker)
            await gateway.subscribe([(node.format("NCMD"), 1), (device.format("DCMD"), 1)])
            for number in range(10):
                await gateway.publish(node.format("NDATA"), b"node", qos=1)
                await gateway.publish(device.format("DBIRTH"), b"born", qos=1)
                await gateway.publish(device.format("DDATA"), b"%d" % number)
            found = await asyncio.gather(heard(one, 5), heard(other, 5))
            assert sorted(found[0] + found[1]) == [b"%d" % number for number in range(10)]
            with suppress(aiomqtt.MqttError, TimeoutError):  # mosquitto may end the session of who publishes what it may not
                async with asyncio.timeout(2):
                    await one.publish(device.format("DCMD"), b"command", qos=1)
                    await heard(one, 1)
            await other.publish(node.format("NCMD"), b"acknowledgement", qos=1)
            assert await heard(gateway, 1) == [b"acknowledgement"]
    finally:
        broker.stop()


def test_who_enters_by_a_certificate_is_remembered(files: Path) -> None:
    """Said once, it holds for every later run: no line in passwd and no password; taken out of the file, a new password opens.

    Whoever knows the one of before does not get in again.
    """

    def with_password() -> set[str]:
        return {line.partition(":")[0] for line in (files / "passwd").read_text(encoding="utf-8").splitlines()}

    file = rights.password_file(files, "gw-c1")
    before = file.read_text(encoding="utf-8")
    for arguments in (["--certified", "gw-c1"], [], ["--certified", "gw-c2"]):
        assert run_broker(files, *arguments).returncode == 0
        assert ("gw-c1" in with_password(), "cloud" in with_password(), file.exists()) == (False, True, False)
    assert "gw-c2" not in with_password()
    (files / "certified").write_text("gw-c2\n", encoding="utf-8")
    assert run_broker(files).returncode == 0
    assert ("gw-c1" in with_password(), "gw-c2" in with_password(), file.read_text(encoding="utf-8") != before) == (True, False, True)
    (files / "certified").write_text("gw-c2\ngw-c0\n", encoding="utf-8")
    wrong = run_broker(files)
    assert (wrong.returncode, wrong.stderr.startswith(f"jieyue-cloud: {files}/certified:2: expected a user of the broker (")) == (2, True)


@pytest.fixture
def certified(files: Path, mosquitto: None) -> Iterator[Mosquitto]:
    """gw-c1 and gw-c2 have certificates and no password; the listener for those is open beside the other."""
    _ = mosquitto
    assert certificates(files, "--client", "gw-c1", "gw-c2").returncode == 0
    had = {user: rights.password_file(files, user).read_text(encoding="utf-8") for user in ("gw-c1", "gw-c2")}
    assert run_broker(files, "--certified", "gw-c1", "--certified", "gw-c2").returncode == 0
    for user, secret in had.items():
        rights.secret_file(rights.password_file(files, user), secret)  # for those who still know it
    server = Mosquitto(files, shipped("broker.conf", "broker-certificates.conf"))
    yield server
    server.stop()


def by_certificate(broker: Mosquitto, user: str | None, claimed: str | None = None) -> aiomqtt.Client:
    """As a gateway with cert_file and key_file connects, with the name and password of somebody else where it claims one."""
    own = {} if user is None else {f"{k}_file": broker.folder / "clients" / f"{user}.{n}" for k, n in (("cert", "crt"), ("key", "key"))}
    settings = Broker(host="localhost", port=broker.ports[8884], ca_file=broker.folder / "ca.crt", **own)
    secret = password(broker, claimed) if claimed else None
    return aiomqtt.Client(
        settings.host, settings.port, username=claimed, password=secret, identifier=claimed, tls_context=settings.tls(), timeout=2
    )


async def test_a_certificate_says_who_a_gateway_is(certified: Mosquitto) -> None:
    """It may do what its user may, nothing in the name of another gateway, even with that one's name and password."""
    own, others = "spBv1.0/510802/NDATA/gw-c1", "spBv1.0/510802/NDATA/gw-c2"
    async with client(certified, "cloud") as cloud:
        await cloud.subscribe("spBv1.0/#", 1)
        for claimed in (None, "gw-c2", "cloud"):
            async with by_certificate(certified, "gw-c1", claimed) as gateway, by_certificate(certified, "gw-c2") as other:
                with suppress(aiomqtt.MqttError):  # mosquitto may end the session of who publishes what it may not
                    await gateway.publish(others, b"not mine", qos=1)
                await other.publish(others, b"theirs", qos=1)
        async with by_certificate(certified, "gw-c1", "gw-c2") as gateway:
            await gateway.publish(own, b"mine", qos=1)
        assert await heard(cloud, 4) == [b"theirs", b"theirs", b"theirs", b"mine"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket to the collector when TLS fails
async def test_who_has_no_certificate_is_refused(certified: Mosquitto, tmp_path: Path) -> None:
    """None at all, the broker's own, one of another authority, one that was revoked; nor does a certified gateway's password help."""
    (certified.folder / "clients" / "server.crt").write_bytes((certified.folder / "server.crt").read_bytes())
    (certified.folder / "clients" / "server.key").write_bytes((certified.folder / "server.key").read_bytes())
    assert certificates(tmp_path / "other", "--client", "foreign").returncode == 0
    for end in ("crt", "key"):
        (certified.folder / "clients" / f"foreign.{end}").write_bytes((tmp_path / "other" / "clients" / f"foreign.{end}").read_bytes())
    for user in (None, "server", "foreign"):
        with pytest.raises(aiomqtt.MqttError):
            async with by_certificate(certified, user, "gw-c1"):
                pass
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        async with client(certified, "gw-c1"):
            pass
    kept = {end: (certified.folder / "clients" / f"gw-c1.{end}").read_bytes() for end in ("crt", "key")}
    assert certificates(certified.folder, "--revoke", "gw-c1").stdout == "gw-c1: revoked\n"
    for end, content in kept.items():
        (certified.folder / "clients" / f"gw-c1.{end}").write_bytes(content)
    certified.stop()
    certified.start()
    with pytest.raises(aiomqtt.MqttError):
        async with by_certificate(certified, "gw-c1"):
            pass
    async with by_certificate(certified, "gw-c2") as gateway:
        await gateway.publish("spBv1.0/510802/NDATA/gw-c2", b"mine", qos=1)
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket to the collector when TLS fails
async def test_what_the_listeners_refuse_is_told(certified: Mosquitto) -> None:
    """A wrong password, no certificate, the broker's own: the lines that this mosquitto publishes are understood, one each."""
    for end in ("crt", "key"):
        (certified.folder / "clients" / f"server.{end}").write_bytes((certified.folder / f"server.{end}").read_bytes())
    log, found = BrokerLog(), list[Attempt]()
    async with client(certified, rights.WATCH_USER) as watch:
        await watch.subscribe(rights.BROKER_LOG)
        for refused in (client(certified, "gw-c1"), by_certificate(certified, None, "gw-c3"), by_certificate(certified, "server")):
            with pytest.raises(aiomqtt.MqttError):
                async with refused:
                    pass
        async for message in watch.messages:
            assert isinstance(message.payload, bytes)
            told = log.heard(message.payload.decode(), time.monotonic())
            found += [told] if told else []
            if len(found) == 3:
                break
    reasons = [Reason.NOT_AUTHORISED, Reason.CERTIFICATE, Reason.CERTIFICATE]
    assert [(told.reason, told.who) for told in found] == [(reason, "127.0.0.1") for reason in reasons]
    gc.collect()


def test_prepare_makes_a_certificate_on_request(
    prepared: Path, prepare: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """From then on, in later runs too, the gateway has no password at the broker; who is no user of the site gets none."""
    site = Path(shutil.copytree(prepared, tmp_path / "site"))
    secrets = site / "deploy" / "secrets"
    wrong = prepare(site, "--certificate", "gw-c9", "127.0.0.1")
    assert wrong.returncode == 2
    assert "expected a user of the broker" in wrong.stderr
    assert not (secrets / "authority" / "clients").exists()
    for forgotten in (
        ("--certificate", "127.0.0.1"),
        ("--workers",),
        ("--workers", "2"),
        ("--certificate", "gw-c1", "--workers", "2", "127.0.0.1"),
    ):
        refused = prepare(site, *forgotten)
        assert refused.returncode == 2, forgotten
        assert refused.stderr == "usage: deploy/prepare [--workers N] [--certificate GATEWAY]... NAME...\n", forgotten
    for arguments in (("--certificate", "gw-c1", "--certificate", "gw-c2", "127.0.0.1"), ("127.0.0.1",)):
        done = prepare(site, *arguments)
        assert done.returncode == 0, done.stderr
        users = {line.partition(":")[0] for line in (secrets / "mosquitto" / "passwd").read_text().splitlines()}
        assert not users & {"gw-c1", "gw-c2"}
        assert {"gw-c3", "gw-c1-c1-mqtt", "cloud"} <= users
        made = {path.name: path.stat().st_mode & 0o777 for path in (secrets / "authority" / "clients").iterdir()}
        assert made == {f"{user}.{end}": mode for user in ("gw-c1", "gw-c2") for end, mode in (("crt", 0o644), ("key", 0o600))}
        assert {"ca.crt", "revoked.crl"} <= {path.name for path in (secrets / "mosquitto").iterdir()}
