"""What only InfluxDB 2.x has, and an operator must do once: a bucket, its name as a database of 1.x, and tokens.

InfluxDB OSS API 2.7: /api/v2/setup, /orgs, /buckets, /dbrps, /authorizations. Everything may be run again. What is there is kept
if it works: a token is tried with a probe, whatever its name says, and replaced if it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from influxdb_client import (
    Authorization,
    Bucket,
    BucketRetentionRules,
    DBRPCreate,
    DBRPsService,
    DBRPUpdate,
    InfluxDBClient,
    Permission,
    PermissionResource,
    SetupService,
)
from influxdb_client.rest import ApiException

from cloud.telemetry.influx_probe import Probe
from contract import reaching
from contract.rights import secret_file
from contract.secret import SecretError, read_secret

RETENTION_POLICY = "autogen"
"""What a client of 1.x asks for when it names none."""
SHARD_S = 604_800
"""Seconds of a shard group of a bucket that never forgets, InfluxDB's own default; a bucket that once forgot has shorter ones."""
_WRITER = "cloud"
_TIMEOUT_MS = 30_000
_ADMINISTRATOR = "--admin-token-file must hold an operator or all-access token of this server"


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


@dataclass(frozen=True, slots=True)
class _Setup:
    """One run, on a server with an organisation."""

    client: InfluxDBClient
    org: str
    wanted: Wanted

    def bucket(self) -> tuple[str, str]:
        """(id of the bucket, what was done). Its data never expire: counter samples are kept for good, and retention is a bucket's."""
        api, name = self.client.buckets_api(), self.wanted.bucket
        try:
            found: list[Bucket] = api.find_buckets(org_id=self.org, name=name).buckets
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            found = []  # a server says so of a name that it does not know
        if not found:
            made: Bucket = api.create_bucket(
                bucket_name=name, org=self.org, retention_rules=[_never()], description="readings, ledger and indicators"
            )
            return str(made.id), f"bucket {name}: made"
        rules = found[0].retention_rules or []
        forgets, short = any(r.every_seconds for r in rules), any(0 < (r.shard_group_duration_seconds or 0) < SHARD_S for r in rules)
        if forgets or short:
            found[0].retention_rules = [_never()]
            api.update_bucket(found[0])
        done = "no longer forgets" if forgets else "shard groups of 7 days from now on" if short else "there"
        return str(found[0].id), f"bucket {name}: {done}"

    def mapping(self, bucket: str) -> str:
        """Let clients of 1.x find the bucket as a database; a mapping that 2.x made up by itself may vanish when another is added.

        Raises:
            ValueError: The name is another bucket's.
        """
        service, name = DBRPsService(self.client.api_client), self.wanted.bucket
        explicit = [m for m in service.get_dbr_ps(org_id=self.org, db=name).content or [] if not m.virtual]
        if other := next((m for m in explicit if m.bucket_id != bucket and (m.default or m.retention_policy == RETENTION_POLICY)), None):
            raise ValueError(
                f"{self.wanted.url}: database {name!r} is mapped to another bucket ({other.bucket_id}); remove that mapping "
                f"(influx v1 dbrp delete --id {other.id}) or choose another name with --bucket"
            )
        ours = next((m for m in explicit if m.bucket_id == bucket), None)
        if ours is None:
            made = DBRPCreate(org_id=self.org, bucket_id=bucket, database=name, retention_policy=RETENTION_POLICY, default=True)
            service.post_dbrp(made)
            return f"database {name}: made"
        if not ours.default:
            service.patch_dbrpid(ours.id, DBRPUpdate(default=True), org_id=self.org)
            return f"database {name}: is the default now"
        return f"database {name}: there"

    def tokens(self, bucket: str, probe: Probe) -> Iterator[str]:
        """A token for the cloud, which reads and writes, and one for Grafana, which reads; nothing else may they do.

        Raises:
            ValueError: A new token does not work either.
        """
        yield self._token(bucket, _WRITER, ("read", "write"), probe.written)
        try:
            yield self._token(bucket, "grafana", ("read",), probe.read)
        finally:
            fault = probe.taken_away(read_secret(self.wanted.tokens / _WRITER))
        if fault:  # nothing that the cloud measures waits for it, so this is no reason not to start
            yield f"token of {_WRITER}: {fault}; so old readings will stay, and so does the one that was tried with"

    def _token(self, bucket: str, user: str, actions: tuple[str, ...], tried: Callable[[str], str]) -> str:
        """A server tells a token once, so one that is lost or does not work is withdrawn and made anew."""
        path = self.wanted.tokens / user
        fault = _fault_of(path, tried)
        if not fault:
            return f"token of {user}: there"
        api = self.client.authorizations_api()
        description = f"jieyue {user} {self.wanted.bucket}"
        for old in [a for a in api.find_authorizations(org_id=self.org) if a.description == description]:
            api.delete_authorization(old)
        permissions = [Permission(action=a, resource=PermissionResource(type="buckets", id=bucket, org_id=self.org)) for a in actions]
        made = api.create_authorization(authorization=Authorization(org_id=self.org, description=description, permissions=permissions))
        told = f"made anew, in {path}; of the one there: {fault}" if path.exists() else f"made, in {path}"
        secret_file(path, f"{made.token}\n")
        if fault := tried(str(made.token)):
            raise ValueError(f"token of {user}: made, but {fault}")
        return f"token of {user}: {told}"


def set_up(wanted: Wanted, now: int) -> Iterator[str]:
    """Make what is missing, and try it; yields a line about each thing, none of them secret.

    Args:
        wanted: What is to be there.
        now: ms since 1970 in UTC, the time of the reading that the tokens are tried with.

    Raises:
        ValueError: The server refused: a wrong token, no such organisation, a name that is another bucket's.
        OSError: The server cannot be reached, or a token cannot be written.
    """
    try:
        with InfluxDBClient(wanted.url, wanted.admin_token, org=wanted.org, timeout=_TIMEOUT_MS) as client:
            setup = _Setup(client, _organisation(client, wanted), wanted)
            bucket, said = setup.bucket()
            yield said
            yield setup.mapping(bucket)
            yield from setup.tokens(bucket, Probe(wanted.url, wanted.bucket, now))
    except ApiException as error:
        raise ValueError(f"{wanted.url}: {_refusal(error)}") from None  # its text shows headers
    except urllib3.exceptions.HTTPError as error:
        raise OSError(_unreached(error, wanted.url)) from None


def _organisation(client: InfluxDBClient, wanted: Wanted) -> str:
    """The id of the organisation."""
    try:
        allowed = SetupService(client.api_client).get_setup().allowed
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise ValueError(f"{wanted.url}: this is no InfluxDB 2.x, which alone needs a setup") from None
        raise
    if allowed:
        raise ValueError(
            f"{wanted.url}: this InfluxDB has had no first start, so it has no organisation and no administrator's token; "
            "run `influx setup` there, or start its container with DOCKER_INFLUXDB_INIT_MODE=setup"
        )
    try:
        found = client.organizations_api().find_organizations(org=wanted.org)
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise ValueError(f"{wanted.url}: no organisation {wanted.org!r}; --org names one that is there") from None
        raise
    if not found:  # lists leave out what a token may not see
        raise ValueError(f"{wanted.url}: the administrator's token may not see organisation {wanted.org!r}; {_ADMINISTRATOR}")
    return str(found[0].id)


def _unreached(error: urllib3.exceptions.HTTPError, url: str) -> str:
    """Why a server is not reached."""
    place = urlsplit(url)
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return f"unknown host {place.hostname}; is --url right?"
    return reaching.why(error, place.hostname or url, place.port or (443 if place.scheme == "https" else 80), taken=True)


def _refusal(error: ApiException) -> str:
    """What a refused request means to whoever started the command."""
    told = str(error.message or error.reason)
    if error.status == HTTPStatus.UNAUTHORIZED and told.endswith(" is unauthorized"):  # "write:orgs/…/buckets is unauthorized"
        return f"the administrator's token has no right {told.partition(' ')[0]}; {_ADMINISTRATOR}"
    if error.status == HTTPStatus.UNAUTHORIZED:
        return f"the administrator's token is not accepted (HTTP 401 {told}); {_ADMINISTRATOR}"
    return f"HTTP {error.status} {told}"


def _never() -> BucketRetentionRules:
    return BucketRetentionRules(type="expire", every_seconds=0, shard_group_duration_seconds=SHARD_S)


def _fault_of(path: Path, tried: Callable[[str], str]) -> str:
    """Why the token in a file does not do; empty if it does."""
    if not path.exists():
        return "no file"
    try:
        return tried(read_secret(path))
    except SecretError as error:
        return str(error)
