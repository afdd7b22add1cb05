"""Who may publish and read what on the broker: mosquitto's password and ACL files, written from the site.

A broker user is one connection: mosquitto takes the user's name for its client id (`use_username_as_clientid` in broker.conf), so
nobody can throw another off by using its id. Therefore each process, each MQTT bus of a gateway and each device that publishes has a
user of its own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from contract import topics
from contract.secret import named_secret
from contract.site import Bus, Site
from contract.topics import NodeId

CLOUD_USER = "cloud"
"""The process that stores: `jieyue-cloud serve`, or `ingest` where it runs by itself."""
WATCH_USER = "cloud-watch"
"""The second connection of the same process, which reads what the broker says about refused clients."""
BROKER_LOG = "$SYS/broker/log/#"
"""Where mosquitto publishes its log (mosquitto.conf(5), `log_dest topic`)."""
WORKER_USER = "cloud-worker-{}"
"""An ingest worker, by its number from 1 on."""
MAX_WORKERS = 100
Rights = dict[str, list[str]]
"""Lines of the ACL file by user."""
_ITERATIONS = 10_000
"""Our passwords are 256 random bits; the count only has to be what mosquitto accepts."""


def password_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512 (`$7$`), mosquitto_passwd(1)."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def bus_user(bus: Bus) -> str:
    """The user by which a gateway reads an MQTT bus; it is the client id of earlier versions, so a session that the broker kept goes on."""
    return f"{bus.gateway}-{bus.id}"


def source_user(bus: str) -> str:
    """The user of the one client that publishes for all devices of an MQTT bus: a bridge, EMQX, or the simulators."""
    return f"devices-{bus}"


def device_user(device: str) -> str:
    """The user of a device that publishes by itself."""
    return f"device-{device}"


def node_user(node: NodeId) -> str:
    """The user of an edge node of another maker.

    Raises:
        ValueError: Its ids cannot stand in mosquitto's files, which end a name at a colon and drop spaces at its ends.
    """
    user = f"{node.node}@{node.group}"
    if ":" in user or any(part != part.strip() for part in node):
        raise ValueError(f"expected ids without colons and without spaces at their ends, got {node.group}/{node.node}")
    return user


def rights(site: Site, host_id: str, nodes: Collection[NodeId] = (), workers: int = 0) -> Rights:
    """What each user of the broker may do; nothing else is allowed.

    Args:
        site: Whose gateways, MQTT buses and devices get users.
        host_id: Sparkplug host application id of the cloud.
        nodes: Edge nodes of other makers.
        workers: How many ingest workers there are beside the leader.

    Raises:
        ValueError: Two of them would be the same user, since their ids are put together to one name; or a node's ids cannot be one.
    """
    found: Rights = {}
    for user, lines in (*_cloud(host_id, workers), *_rights(site, host_id, nodes)):
        if user in found:
            raise ValueError(f"two parts of the site {site.id} would be the broker's user {user!r}; expected another id of one of them")
        found[user] = lines
    return found


def _rights(site: Site, host_id: str, nodes: Collection[NodeId]) -> Iterator[tuple[str, list[str]]]:
    buses = [bus for bus in site.buses if bus.broker is not None]
    for gateway in site.gateways:
        own = [topic for bus in buses if bus.gateway == gateway.id for topic in source_topics(site, bus.id)]
        # gateways of earlier versions read their buses by this user, and what it may not read they would lose during an upgrade
        yield gateway.id, [*_node(NodeId(site.group, gateway.id), host_id), *(f"topic read {topic}" for topic in own)]
    for bus in buses:
        there = [device for device in site.devices if device.bus == bus.id]
        heard, told = source_topics(site, bus.id), list(dict.fromkeys(topic for device in there for topic in device.command_topics()))
        yield bus_user(bus), [*(f"topic read {topic}" for topic in heard), *(f"topic write {topic}" for topic in told)]
        yield source_user(bus.id), [*(f"topic write {topic}" for topic in heard), *(f"topic read {topic}" for topic in told)]
        for device in there:
            if device.publishes():
                own = [f"topic read {topic}" for topic in device.command_topics()]
                yield device_user(device.id), [*(f"topic write {topic}" for topic in device.topics()), *own]
    for node in nodes:
        yield node_user(node), _node(node, host_id)


def _cloud(host_id: str, workers: int) -> Iterator[tuple[str, list[str]]]:
    yield CLOUD_USER, _host(host_id)
    yield WATCH_USER, [f"topic read {BROKER_LOG}"]
    for number in range(1, workers + 1):
        # mosquitto holds a shared subscription to the rights on its filter; NCMD is how a worker acknowledges
        yield WORKER_USER.format(number), [f"topic read {topics.NAMESPACE}/+/DDATA/#", f"topic write {topics.NAMESPACE}/+/NCMD/#"]


def _host(host_id: str) -> list[str]:
    """Of the host application."""
    root = topics.NAMESPACE
    return [
        f"topic readwrite {topics.state(host_id)}",
        # it subscribes to all of the namespace; what it may not read, its own commands first, the broker does not send back to it
        *(f"topic read {root}/+/{kind}/#" for kind in topics.FROM_EDGE),
        *(f"topic write {root}/+/{kind}/#" for kind in ("NCMD", "DCMD")),
    ]


def _node(node: NodeId, host_id: str) -> list[str]:
    """Of an edge node: it speaks for itself and its devices, and hears its own commands."""
    root, name = f"{topics.NAMESPACE}/{node.group}", node.node
    return [
        f"topic read {topics.state(host_id)}",
        *(f"topic write {root}/{kind}/{name}" for kind in ("NBIRTH", "NDATA", "NDEATH")),
        *(f"topic write {root}/{kind}/{name}/+" for kind in ("DBIRTH", "DDATA", "DDEATH")),
        f"topic read {root}/NCMD/{name}",
        f"topic read {root}/DCMD/{name}/+",
    ]


def acl(found: Mapping[str, Sequence[str]]) -> str:
    """The ACL file of mosquitto: nothing is allowed but what stands here."""
    return "\n\n".join("\n".join([f"user {user}", *lines]) for user, lines in found.items()) + "\n"


def source_topics(site: Site, bus: str) -> list[str]:
    """The topics that devices of an MQTT bus publish to, each once, in the order of the file."""
    return list(dict.fromkeys(topic for d in site.devices if d.bus == bus for topic in d.topics()))


def secret_file(path: Path, text: str) -> Path:
    """Write a file that only its owner may read; one that is there is replaced as a whole and keeps owner, group and their rights.

    Whoever reads it meanwhile, or after a power cut, finds the old text or the new one, never a part.

    Raises:
        OSError: It cannot be written; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if path.exists():
                kept = path.stat()
                os.fchown(file.fileno(), kept.st_uid, kept.st_gid)
                os.fchmod(file.fileno(), kept.st_mode & 0o660)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def password_file(folder: Path, user: str) -> Path:
    """Where a user's password lies, one line."""
    return folder / "passwords" / user


def write_files(found: Rights, folder: Path, certified: Collection[str] = ()) -> dict[str, str]:
    """Write mosquitto's `passwd` and `acl`, and each user's password into a file of its own.

    A password that is there already is kept, so a site may grow without touching its gateways.

    Args:
        found: Users and their rights.
        folder: Where; the passwords go into its folder `passwords`.
        certified: Users that enter by a certificate alone: they have no line in `passwd`, so that no password lets them in, and the
            file of the password that they had goes. Who is none of them any more gets a new one.

    Returns:
        The passwords by user.

    Raises:
        SecretError: A file of a password holds none, or several lines.
    """
    passwords: dict[str, str] = {}
    for user in found:
        if user in certified:
            continue
        path = password_file(folder, user)
        passwords[user] = named_secret(path) if path.exists() else secrets.token_urlsafe(32)
        secret_file(path, passwords[user])
    lines = [password_line(user, password) for user, password in passwords.items()]
    secret_file(folder / "passwd", "\n".join(lines) + "\n")
    secret_file(folder / "acl", acl(found))
    for user in certified:
        password_file(folder, user).unlink(missing_ok=True)
    return passwords
