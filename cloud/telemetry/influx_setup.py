"""What only InfluxDB 2.x has, and an operator must do once: a bucket, its name as a database of 1.x, and tokens.

InfluxDB OSS API 2.7: /api/v2/orgs, /buckets, /dbrps, /authorizations. Everything may be run again: what is there is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import urllib3
from influxdb_client import (
    Authorization,
    Bucket,
    BucketRetentionRules,
    DBRPCreate,
    DBRPsService,
    InfluxDBClient,
    Permission,
    PermissionResource,
)
from influxdb_client.rest import ApiException

from contract.rights import secret_file

RETENTION_POLICY = "autogen"
"""What a client of 1.x asks for when it names none."""
_TOKENS = {"cloud": ("read", "write"), "grafana": ("read",)}
"""Who gets a token of its own, and what it may do with the bucket; nothing else may it do."""
_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be there.

    Attributes:
        url: Scheme, host and port of the server.
        org: The organisation, which its first start made.
        bucket: Name of the bucket, and of the database that `/write?db=` and `/query?db=` name.
        admin_token: May make buckets and tokens; never shown.
        tokens: Folder for a token file each user.
    """

    url: str
    org: str
    bucket: str
    admin_token: str
    tokens: Path


def set_up(wanted: Wanted) -> Iterator[str]:
    """Make what is missing; yields a line about each thing, none of them secret.

    Raises:
        ValueError: The server refused: a wrong token, no such organisation.
        OSError: The server cannot be reached, or a token cannot be written.
    """
    try:
        with InfluxDBClient(wanted.url, wanted.admin_token, org=wanted.org, timeout=_TIMEOUT_MS) as client:
            organisations = client.organizations_api().find_organizations(org=wanted.org)
            if not organisations:
                raise ValueError(f"{wanted.url}: no organisation {wanted.org!r}")
            org = str(organisations[0].id)
            bucket, said = _bucket(client, org, wanted.bucket)
            yield said
            yield _mapping(client, org, bucket, wanted.bucket)
            for user, actions in _TOKENS.items():
                yield _token(client, org, bucket, user, actions, wanted)
    except ApiException as error:
        raise ValueError(f"{wanted.url}: HTTP {error.status} {error.message or error.reason}") from None  # its text shows headers
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"{wanted.url}: {_reason(error)}") from None


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
    return str(cause).rpartition(": ")[2]


def _bucket(client: InfluxDBClient, org: str, name: str) -> tuple[str, str]:
    """(id of the bucket, what was done). Its data never expire: counter samples are kept for good, and retention is a bucket's."""
    api = client.buckets_api()
    for found in api.find_buckets(org_id=org, name=name).buckets:
        if all(not rule.every_seconds for rule in found.retention_rules or []):
            return str(found.id), f"bucket {name}: there"
        found.retention_rules = [_never()]
        api.update_bucket(found)
        return str(found.id), f"bucket {name}: no longer forgets"
    made: Bucket = api.create_bucket(bucket_name=name, org=org, retention_rules=[_never()], description="readings, ledger and indicators")
    return str(made.id), f"bucket {name}: made"


def _never() -> BucketRetentionRules:
    return BucketRetentionRules(type="expire", every_seconds=0)


def _mapping(client: InfluxDBClient, org: str, bucket: str, name: str) -> str:
    """Let clients of 1.x find the bucket as a database; one that 2.x made up by itself may vanish when another is added."""
    service = DBRPsService(client.api_client)
    found = service.get_dbr_ps(org_id=org, db=name).content or []
    if any(m.bucket_id == bucket and m.default and not m.virtual for m in found):
        return f"database {name}: there"
    service.post_dbrp(DBRPCreate(org_id=org, bucket_id=bucket, database=name, retention_policy=RETENTION_POLICY, default=True))
    return f"database {name}: made"


def _token(client: InfluxDBClient, org: str, bucket: str, user: str, actions: tuple[str, ...], wanted: Wanted) -> str:
    """A token for one user. A server tells a token once, so one whose file is gone is withdrawn and made anew."""
    api = client.authorizations_api()
    path = wanted.tokens / user
    description = f"jieyue {user} {wanted.bucket}"
    known = [a for a in api.find_authorizations(org_id=org) if a.description == description]
    if known and path.exists():
        return f"token of {user}: there"
    for old in known:
        api.delete_authorization(old)
    permissions = [Permission(action=a, resource=PermissionResource(type="buckets", id=bucket, org_id=org)) for a in actions]
    made = api.create_authorization(authorization=Authorization(org_id=org, description=description, permissions=permissions))
    secret_file(path, f"{made.token}\n")
    return f"token of {user}: made, in {path}"
