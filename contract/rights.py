"""Who may publish and read what on the broker: mosquitto's password and ACL files, written from the site.

Each gateway has a user of its own, named like its edge node, and may speak for that node only.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from contract import topics
from contract.message import filters
from contract.secret import read_secret
from contract.site import Site

CLOUD_USER = "cloud"
_ITERATIONS = 10_000
"""Our passwords are 256 random bits; the count only has to be what mosquitto accepts."""


def password_line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512 (`$7$`), mosquitto_passwd(1)."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def source_user(bus: str) -> str:
    """The user of devices that publish by themselves on an MQTT bus."""
    return f"devices-{bus}"


def acl(site: Site, host_id: str) -> str:
    """The ACL file of mosquitto for a site: nothing is allowed but what stands here."""
    group, root = site.group, topics.NAMESPACE
    lines = [
        f"user {CLOUD_USER}",
        f"topic readwrite {topics.state(host_id)}",
        # it subscribes to all of the namespace; what it may not read, its own commands first, the broker does not send back to it
        *(f"topic read {root}/+/{kind}/#" for kind in topics.FROM_EDGE),
        *(f"topic write {root}/+/{kind}/#" for kind in ("NCMD", "DCMD")),
    ]
    for gateway in site.gateways:
        node = gateway.id
        lines += ["", f"user {node}", f"topic read {topics.state(host_id)}"]
        lines += [f"topic write {root}/{group}/{kind}/{node}" for kind in ("NBIRTH", "NDATA", "NDEATH")]
        lines += [f"topic write {root}/{group}/{kind}/{node}/+" for kind in ("DBIRTH", "DDATA", "DDEATH")]
        lines += [f"topic read {root}/{group}/NCMD/{node}", f"topic read {root}/{group}/DCMD/{node}/+"]
        for bus in site.buses:
            if bus.gateway == node and bus.protocol == "mqtt":
                lines += [f"topic read {t}" for t in source_topics(site, bus.id)]
    for bus in site.buses:
        if bus.protocol == "mqtt":
            lines += ["", f"user {source_user(bus.id)}", *(f"topic write {t}" for t in source_topics(site, bus.id))]
    return "\n".join(lines) + "\n"


def source_topics(site: Site, bus: str) -> list[str]:
    """The topics that devices of an MQTT bus publish to, each once, in the order of the file."""
    return list(dict.fromkeys(topic for d in site.devices if d.bus == bus and d.topic for topic in filters(d.topic, d.model)))


def users(site: Site) -> list[str]:
    """Every user the broker needs."""
    sources = [source_user(b.id) for b in site.buses if b.protocol == "mqtt"]
    return [CLOUD_USER, *(g.id for g in site.gateways), *sources]


def secret_file(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def password_file(folder: Path, user: str) -> Path:
    """Where a user's password lies, one line."""
    return folder / "passwords" / user


def write_files(site: Site, folder: Path, host_id: str) -> dict[str, str]:
    """Write mosquitto's `passwd` and `acl`, and each user's password into a file of its own.

    A password that is there already is kept, so a site may grow without touching its gateways.

    Returns:
        The passwords by user.
    """
    passwords: dict[str, str] = {}
    for user in users(site):
        path = password_file(folder, user)
        passwords[user] = read_secret(path) if path.exists() else secrets.token_urlsafe(32)
        secret_file(path, passwords[user])
    lines = [password_line(user, password) for user, password in passwords.items()]
    secret_file(folder / "passwd", "\n".join(lines) + "\n")
    secret_file(folder / "acl", acl(site, host_id))
    return passwords
