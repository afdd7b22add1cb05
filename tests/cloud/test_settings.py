"""Addresses of stores, with passwords that come from files."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.settings import command_clock, load_settings
from cloud.telemetry.influx import InfluxTelemetry
from cloud.telemetry.open import open_telemetry
from contract.clock import Clock
from contract.yamlfile import ConfigError

PASSWORD = "p@ss:/?# %word"  # noqa: S105 (signs that an address must escape)


@pytest.fixture(params=["utf-8", "utf-8-sig"])
def secret(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A password file with a line's end, as an editor leaves it, with a byte order mark or without."""
    (tmp_path / "secret").write_text(PASSWORD + "\n", encoding=request.param)
    return str(tmp_path / "secret")


@pytest.mark.parametrize("address", ["postgresql+psycopg://jieyue@db:5432/jieyue", "postgresql+psycopg://jieyue:old@db:5432/jieyue"])
def test_a_database_password_comes_from_its_file(monkeypatch: pytest.MonkeyPatch, secret: str, address: str) -> None:
    """Whatever signs it has, SQLAlchemy reads it back; one that stands in the address is replaced."""
    monkeypatch.setenv("JIEYUE_DATABASE", address)
    monkeypatch.setenv("JIEYUE_DATABASE_PASSWORD_FILE", secret)
    url = sa.make_url(load_settings().database_url())
    assert (url.username, url.password, url.host, url.port, url.database) == ("jieyue", PASSWORD, "db", 5432, "jieyue")


def test_a_token_comes_from_its_file(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """Without a user too: the token of InfluxDB 2.x is all that the address lacks."""
    monkeypatch.setenv("JIEYUE_TELEMETRY", "influx+http://influxdb:8086/jieyue?auth=token")
    monkeypatch.setenv("JIEYUE_TELEMETRY_PASSWORD_FILE", secret)
    store = open_telemetry(load_settings().telemetry_url())
    assert isinstance(store, InfluxTelemetry)
    address = store._server._address
    assert (address.url, address.password, address.auth) == ("http://influxdb:8086", PASSWORD, "token")
    store.close()


def test_without_a_file_addresses_stay_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing set: SQLite in the data folder, a password file or not."""
    monkeypatch.setenv("JIEYUE_DATA", str(tmp_path))
    monkeypatch.setenv("JIEYUE_DATABASE_PASSWORD_FILE", str(tmp_path / "none"))
    assert load_settings().database_url() == f"sqlite:///{tmp_path / 'registry.db'}"
    monkeypatch.setenv("JIEYUE_TELEMETRY", "influx+http://u:p@h/d")
    assert load_settings().telemetry_url() == "influx+http://u:p@h/d"


def test_a_host_that_cannot_be_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the variable; it is what a file may name as well."""
    monkeypatch.setenv("JIEYUE_MQTT_HOST", "256.1.1.1")
    said = "JIEYUE_MQTT_HOST: expected an IPv4 address of four numbers from 0 to 255, without zeros in front, got '256.1.1.1'"
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value) == said


@pytest.mark.parametrize("host", ["a+b", "#", "a/b", "", "a\nb", "a" * 201])
def test_a_host_id_that_no_topic_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """With such an id `serve` never reached the broker, and said nothing."""
    monkeypatch.setenv("JIEYUE_HOST_ID", host)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value) == f"JIEYUE_HOST_ID: expected an id of 1 to 200 signs without + / # and control characters, got {host!r}"


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line with the variable and the path."""
    monkeypatch.setenv("JIEYUE_DATABASE", "postgresql+psycopg://jieyue@db/jieyue")
    monkeypatch.setenv("JIEYUE_DATABASE_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=rf"^JIEYUE_DATABASE_PASSWORD_FILE: {tmp_path}/none: cannot be read: No such file or directory$"):
        load_settings().database_url()


def test_the_kept_time_of_a_demo_is_a_time_or_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is asked of a stopped demo is asked at that time; a file without one is named."""
    monkeypatch.setenv("JIEYUE_DATA", str(tmp_path / "cloud"))
    kept = tmp_path / "clock"
    kept.write_text("1795500000000", encoding="utf-8")
    assert command_clock(load_settings(), Clock()).now_ms() == 1_795_500_000_000
    kept.write_text("junk\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^{kept}: expected the time at which the demo was stopped, in ms since 1970, got 'junk"):
        command_clock(load_settings(), Clock())
