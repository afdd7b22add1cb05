"""`jieyue-cloud influx setup` against the server that stands in for InfluxDB 2.x: afterwards all works, or one line says what is wrong."""

from __future__ import annotations

import io
import stat
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.__main__ import _parser
from cloud.cli import PROGRAM
from cloud.settings import load_settings
from contract.commandline import ended
from contract.rights import secret_file
from tests.cloud.influx2 import ADMIN, Influx2

FOREVER = {"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": 604_800}


@dataclass(frozen=True)
class Done:
    """How the command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def setup(url: str, folder: Path, *options: str, admin: str = ADMIN) -> Done:
    (folder / "admin").write_text(admin + "\n", encoding="utf-8")
    command = ["influx", "setup", "--url", url, "--admin-token-file", str(folder / "admin"), "--tokens", str(folder / "tokens"), *options]
    arguments = _parser(command).parse_args(command)
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = ended(PROGRAM, lambda: arguments.run(arguments))
    return Done(code, out.getvalue(), errors.getvalue())


def tokens(influx: Influx2) -> dict[str, str]:
    """The token of each description."""
    return {a["description"]: a["token"] for a in influx.authorizations}


def test_everything_is_made_once(influx2: Influx2, tmp_path: Path) -> None:
    """Bucket without expiry, its database, two tokens with no more rights than needed, in files of 0600; again: nothing changes."""
    done = setup(influx2.url, tmp_path)
    folder = tmp_path / "tokens"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "bucket jieyue: made",
        "database jieyue: made",
        f"token of cloud: made, in {folder / 'cloud'}",
        f"token of grafana: made, in {folder / 'grafana'}",
    ]
    (bucket,), (mapping,) = influx2.buckets, influx2.dbrps
    assert bucket["retentionRules"] == [FOREVER]
    assert [mapping[k] for k in ("database", "bucketID", "retention_policy", "default")] == ["jieyue", bucket["id"], "autogen", True]
    rights = {
        a["description"]: [(p["action"], p["resource"]["type"], p["resource"]["id"]) for p in a["permissions"]]
        for a in influx2.authorizations
    }
    assert rights == {
        "jieyue cloud jieyue": [("read", "buckets", bucket["id"]), ("write", "buckets", bucket["id"])],
        "jieyue grafana jieyue": [("read", "buckets", bucket["id"])],
    }
    written = {p.name: (p.read_text(encoding="utf-8").strip(), stat.S_IMODE(p.stat().st_mode)) for p in folder.iterdir()}
    assert written == {n: (a["token"], 0o600) for n, a in zip(("cloud", "grafana"), influx2.authorizations, strict=True)}

    before = influx2.changed()
    again = setup(influx2.url, tmp_path)
    assert again.stdout.splitlines() == [
        "bucket jieyue: there",
        "database jieyue: there",
        "token of cloud: there",
        "token of grafana: there",
    ]
    assert influx2.changed() == before


def test_each_token_is_tried_and_the_probe_is_taken_away(influx2: Influx2, tmp_path: Path) -> None:
    """Both tokens asked the server for data, and none is left in it."""
    setup(influx2.url, tmp_path)
    assert influx2.seen == {f"Token {token}" for token in tokens(influx2).values()}
    assert [path for _, path in influx2.asked].count("/write") == 1
    assert influx2.points == {}


def test_a_server_that_does_not_delete_is_told_and_no_error(influx2: Influx2, tmp_path: Path) -> None:
    """The cloud can store without it: who starts it after this command must not be kept from that."""
    influx2.deletes = False
    done = setup(influx2.url, tmp_path)
    assert (done.returncode, done.stderr, len(influx2.points)) == (0, "", 1)
    assert done.stdout.splitlines()[4].startswith("token of cloud: it cannot delete: ")


def test_a_bucket_of_another_name_is_made(influx2: Influx2, tmp_path: Path) -> None:
    """A server answers 404 to the name of a bucket that is not there, which is no error."""
    done = setup(influx2.url, tmp_path, "--bucket", "other")
    assert (done.returncode, done.stderr, done.stdout.splitlines()[:2]) == (0, "", ["bucket other: made", "database other: made"])


def test_nothing_secret_is_printed(influx2: Influx2, tmp_path: Path) -> None:
    """Neither the administrator's token nor a new one is on stdout or stderr, whether it works or is refused."""
    for done in (setup(influx2.url, tmp_path), setup(influx2.url, tmp_path, admin="wrong-one")):
        said = done.stdout + done.stderr
        assert not any(secret in said for secret in (ADMIN, "wrong-one", *tokens(influx2).values()))


def test_a_lost_token_file_withdraws_the_token_and_makes_another(influx2: Influx2, tmp_path: Path) -> None:
    """A server tells a token once; the old one must not stay valid, and the other user's is left alone."""
    setup(influx2.url, tmp_path)
    old = tokens(influx2)
    (tmp_path / "tokens" / "grafana").unlink()
    done = setup(influx2.url, tmp_path)
    new = tokens(influx2)
    assert done.stdout.splitlines()[2:] == ["token of cloud: there", f"token of grafana: made, in {tmp_path / 'tokens' / 'grafana'}"]
    assert new["jieyue cloud jieyue"] == old["jieyue cloud jieyue"]
    assert new["jieyue grafana jieyue"] != old["jieyue grafana jieyue"]
    assert (tmp_path / "tokens" / "grafana").read_text(encoding="utf-8").strip() == new["jieyue grafana jieyue"]


@pytest.mark.parametrize(
    ("user", "held", "said"),
    [
        ("cloud", "", "expected one line, got none"),
        ("cloud", "of-another-server", "it cannot write: "),
        ("grafana", "", "expected one line, got none"),
        ("grafana", "of-another-server", "it cannot read: "),
    ],
)
def test_a_token_file_that_does_not_do_is_replaced(influx2: Influx2, tmp_path: Path, user: str, held: str, said: str) -> None:
    """An empty file and another server's token: a new token that works takes its place, and the old one's reason is told."""
    setup(influx2.url, tmp_path)
    path = tmp_path / "tokens" / user
    path.write_text(held, encoding="utf-8")
    done = setup(influx2.url, tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"token of {user}: ")]
    assert (done.returncode, done.stderr) == (0, "")
    assert line.startswith(f"token of {user}: made anew, in {path}; of the one there: {said}")
    assert path.read_text(encoding="utf-8").strip() == tokens(influx2)[f"jieyue {user} jieyue"]
    assert held == "" or held not in done.stdout
    assert influx2.points == {}


def test_tokens_of_an_earlier_bucket_are_replaced(influx2: Influx2, tmp_path: Path) -> None:
    """A bucket that was deleted and made again has another id, to which the old tokens have no right."""
    setup(influx2.url, tmp_path)
    influx2.buckets.clear()
    influx2.dbrps.clear()
    old = tokens(influx2)
    done = setup(influx2.url, tmp_path)
    assert [line.partition(",")[0] for line in done.stdout.splitlines()] == [
        "bucket jieyue: made",
        "database jieyue: made",
        "token of cloud: made anew",
        "token of grafana: made anew",
    ]
    assert not set(old.values()) & set(tokens(influx2).values())


def test_a_token_that_may_only_read_is_not_the_clouds(influx2: Influx2, tmp_path: Path) -> None:
    """Grafana's token in the cloud's file: it is there and known, and cannot write."""
    setup(influx2.url, tmp_path)
    (tmp_path / "tokens" / "cloud").write_bytes((tmp_path / "tokens" / "grafana").read_bytes())
    done = setup(influx2.url, tmp_path)
    assert "it cannot write: " in done.stdout.splitlines()[2]
    assert "insufficient permissions for write" in done.stdout.splitlines()[2]


def test_a_new_token_that_does_not_work_is_an_error(influx2: Influx2, tmp_path: Path) -> None:
    """The bucket refuses what the setup writes: one line, and no word that all is there."""
    influx2.integers.add(("jieyue_setup", "value"))
    done = setup(influx2.url, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("jieyue-cloud: token of cloud: made, but it cannot write: ")
    assert (done.stderr.count("\n"), "field type conflict" in done.stderr, "token" in done.stdout) == (1, True, False)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"everySeconds": 3600, "shardGroupDurationSeconds": 3600}, "no longer forgets"),
        ({"everySeconds": 0, "shardGroupDurationSeconds": 3600}, "shard groups of 7 days from now on"),
        ({"everySeconds": 0, "shardGroupDurationSeconds": 604_800}, "there"),
    ],
)
def test_a_bucket_that_forgets_is_told_not_to(influx2: Influx2, tmp_path: Path, rule: dict[str, int], said: str) -> None:
    """Its first start may have made it with a retention; counters must not expire, nor lie in shards of an hour for years."""
    bucket = influx2.add_bucket("jieyue", **rule)
    assert setup(influx2.url, tmp_path).stdout.splitlines()[0] == f"bucket jieyue: {said}"
    assert influx2.buckets[0]["retentionRules"] == [FOREVER]
    assert [m["bucketID"] for m in influx2.dbrps] == [bucket]


def test_a_mapping_that_is_not_the_default_becomes_it(influx2: Influx2, tmp_path: Path) -> None:
    """`/write` without a retention policy goes to the default mapping only."""
    bucket = influx2.add_bucket("jieyue")
    influx2.dbrps.append({"id": "00000000000000bb", "bucketID": bucket, "database": "jieyue", "retention_policy": "x", "default": False})
    assert setup(influx2.url, tmp_path).stdout.splitlines()[1] == "database jieyue: is the default now"
    assert [m["default"] for m in influx2.dbrps] == [True]


def refused(done: Done) -> tuple[int, str]:
    """Exit code and the one line, without the program's name."""
    assert (done.stderr.count("\n"), done.stderr.startswith("jieyue-cloud: ")) == (1, True), done.stderr
    return done.returncode, done.stderr.removeprefix("jieyue-cloud: ").rstrip("\n")


def test_what_is_wrong_is_said_in_one_line(influx2: Influx2, tmp_path: Path) -> None:
    """Exit code 2 for what the server refuses, 1 for a server that cannot be reached; what to do stands in the line; nothing was made."""
    must = "--admin-token-file must hold an operator or all-access token of this server"
    told = f"{influx2.url}: the administrator's token is not accepted (HTTP 401 unauthorized access); {must}"
    assert refused(setup(influx2.url, tmp_path, admin="wrong")) == (2, told)
    told = f"{influx2.url}: no organisation 'nobody'; --org names one that is there"
    assert refused(setup(influx2.url, tmp_path, "--org", "nobody")) == (2, told)
    told = "127.0.0.1:1 refuses the connection: nothing listens there"
    assert refused(setup("http://127.0.0.1:1", tmp_path)) == (1, told)
    assert refused(setup("http://jieyue.invalid:8086", tmp_path)) == (1, "unknown host jieyue.invalid; is --url right?")
    influx2.onboarded = False
    code, told = refused(setup(influx2.url, tmp_path))
    assert (code, told.partition(",")[0]) == (2, f"{influx2.url}: this InfluxDB has had no first start")
    assert (influx2.changed(), (tmp_path / "tokens").exists()) == ([], False)


def test_a_token_without_an_administrators_rights_is_told_so(influx2: Influx2, tmp_path: Path) -> None:
    """One that sees no organisation, and one that sees it but may make no bucket."""
    setup(influx2.url, tmp_path, "--bucket", "other")
    admin = tokens(influx2)["jieyue cloud other"]
    code, told = refused(setup(influx2.url, tmp_path, admin=admin))
    assert (code, told.partition(";")[0]) == (2, f"{influx2.url}: the administrator's token may not see organisation 'jieyue'")
    influx2.sees_organisation = True
    code, told = refused(setup(influx2.url, tmp_path, admin=admin))
    right = "write:orgs/0000000000000001/buckets"
    assert (code, told.partition(";")[0]) == (2, f"{influx2.url}: the administrator's token has no right {right}")


def test_a_name_of_another_bucket_is_not_taken_over(influx2: Influx2, tmp_path: Path) -> None:
    """What somebody else writes by that name must not change its place: the mapping is named, and nothing else is made."""
    other = influx2.add_bucket("theirs")
    influx2.dbrps.append(
        {"id": "00000000000000bb", "bucketID": other, "database": "jieyue", "retention_policy": "autogen", "default": True}
    )
    code, told = refused(setup(influx2.url, tmp_path))
    assert (code, told.partition(";")[0]) == (2, f"{influx2.url}: database 'jieyue' is mapped to another bucket ({other})")
    assert "influx v1 dbrp delete --id 00000000000000bb" in told
    assert (influx2.authorizations, len(influx2.dbrps)) == ([], 1)


def test_the_cloud_writes_with_its_token(influx2: Influx2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the settings and the token's file make the header that 2.x wants."""
    setup(influx2.url, tmp_path)
    monkeypatch.setenv("JIEYUE_TELEMETRY", f"influx+{influx2.url}/jieyue?auth=token")
    monkeypatch.setenv("JIEYUE_TELEMETRY_PASSWORD_FILE", str(tmp_path / "tokens" / "cloud"))
    token = influx2.authorizations[0]["token"]
    assert load_settings().telemetry_url() == f"influx+http://token:{token}@{influx2.url.removeprefix('http://')}/jieyue?auth=token"


def test_a_secret_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full while a secret is written leaves the old one, and nothing beside it; rights of a group stay."""
    path = secret_file(tmp_path / "secret", "old\n")
    path.chmod(0o640)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("contract.rights.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            secret_file(path, "new\n")
    assert [(p.name, p.read_text(encoding="utf-8")) for p in tmp_path.iterdir()] == [("secret", "old\n")]
    secret_file(path, "new\n")
    assert (path.read_text(encoding="utf-8"), stat.S_IMODE(path.stat().st_mode)) == ("new\n", 0o640)
