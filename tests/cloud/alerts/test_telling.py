"""Who is told: messages wait in SQL until the receiver has them, over real HTTP and SMTP."""

from __future__ import annotations

import logging
from email.header import decode_header, make_header
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from apprise.plugins.custom_json import NotifyJSON

from cloud.alerts import service
from cloud.alerts.channels import Channel, load_channels
from cloud.alerts.repository import notifications
from cloud.platform.database import writing
from cloud.texts import in_words
from contract.clock import parse_time
from contract.coded import loads
from contract.yamlfile import ConfigError
from simulators.stack.broker import free_port
from tests.cloud import tables
from tests.cloud.alerts.receivers import channel, deliver, several

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import Hook, House, Mailbox

MINUTE = 60_000
START = parse_time("2026-07-21T10:00:00+08:00")
on_each_database = pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)


def fire(house: House, *channels: Channel) -> str:
    """Let a car call for help; returns the alert's id."""
    house.use("car-em-01")
    house.evaluator.channels = channels
    house.now = START
    house.set("car-em-01", "sos")
    house.run(START + MINUTE)
    (alert,) = house.alerts()
    return str(alert.id)


def states(house: House) -> dict[str, tuple[str, int, str | None]]:
    table = tables.notification
    with house.engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.id.desc())).all()
    return {row.channel: (row.state, row.tries, row.reason and in_words(loads(row.reason), "en")) for row in rows}


@on_each_database
def test_a_webhook_gets_each_message_once_with_its_key(house: House, tmp_path: Path, webhook: Hook) -> None:
    """First that it fires, then that it is over, in the channel's language; nothing is sent again."""
    duty = channel(tmp_path, "duty", webhook.url, language="en")
    alert = fire(house, duty)
    assert deliver(house.engine, duty, house.now) == 1
    house.clear("car-em-01", "sos")
    house.run(house.now + 10 * MINUTE)
    assert deliver(house.engine, duty, house.now) == 1
    assert deliver(house.engine, duty, house.now + 60 * MINUTE) == 0
    assert [key for key, _ in webhook.got] == [f"{alert}.fired.duty", f"{alert}.resolved.duty"]
    first, second = (body for _, body in webhook.got)
    assert first["title"] == "[Critical] Emergency call of a vehicle"
    assert "Emergency car 01" in first["message"]
    assert second["title"].endswith("resolved")


def test_a_mail_carries_its_key_as_message_id(house: House, tmp_path: Path, mails: Mailbox) -> None:
    """A real SMTP server gets one mail with one Message-ID, the same at each try, in Chinese."""
    duty = channel(tmp_path, "mail", mails.url)
    alert = fire(house, duty)
    mails.refuses = True
    assert deliver(house.engine, duty, house.now) == 1
    assert states(house)["mail"][:2] == (notifications.FAILED, 1)
    mails.refuses = False
    assert deliver(house.engine, duty, house.now + MINUTE) == 1
    (mail,) = mails.got
    assert mail.get_all("Message-ID") == [f"<{alert}.fired.mail@jieyue.invalid>"]
    assert str(make_header(decode_header(mail["Subject"]))) == "[严重] 车辆紧急报警"
    assert states(house)["mail"] == (notifications.SENT, 2, None)


@pytest.mark.parametrize("answer", ["550 no such user", "451 try again later"])
def test_whom_the_server_refuses_is_tried_again_alone(answer: str, house: House, tmp_path: Path, mails: Mailbox) -> None:
    """The others get one mail each, however often it is tried for that one, who gets one as soon as the server takes it."""
    entry = several(tmp_path, "mail", mails.to("to=good@example.cn,bad@example.cn,GOOD@example.cn&cc=chief@example.cn,bad@example.cn"))
    assert [one.name for one in entry] == ["mail/good@example.cn", "mail/bad@example.cn", "mail/chief@example.cn"]
    alert = fire(house, *entry)
    mails.refused["bad@example.cn"] = answer
    tries = [[deliver(house.engine, one, house.now + later) for one in entry] for later in (0, 10_000, 30_000)]
    assert tries == [[1, 1, 1], [0, 1, 0], [0, 1, 0]]
    assert [mail["To"] for mail in mails.got] == ["good@example.cn", "chief@example.cn"]
    assert states(house) == {
        "mail/good@example.cn": (notifications.SENT, 1, None),
        "mail/bad@example.cn": (notifications.FAILED, 3, "the receiver cannot be reached or refused it"),
        "mail/chief@example.cn": (notifications.SENT, 1, None),
    }
    mails.refused.clear()
    assert [deliver(house.engine, one, house.now + 70_000) for one in entry] == [0, 1, 0]
    assert [mail["To"] for mail in mails.got[2:]] == ["bad@example.cn"]
    assert mails.got[2].get_all("Message-ID") == [f"<{alert}.fired.mail%2Fbad%40example.cn@jieyue.invalid>"]
    assert all(mail["Cc"] is None for mail in mails.got)


def test_a_recipient_named_twice_gets_one_mail(house: House, tmp_path: Path, mails: Mailbox) -> None:
    """Two spellings of one address are one recipient, and the channel keeps its name."""
    duty = channel(tmp_path, "mail", mails.to("to=duty@example.cn,DUTY@example.cn&bcc=duty@example.cn"))
    fire(house, duty)
    assert deliver(house.engine, duty, house.now) == 1
    assert [mail["To"] for mail in mails.got] == ["duty@example.cn"]
    assert states(house) == {"mail": (notifications.SENT, 1, None)}


@on_each_database
def test_a_dead_server_is_tried_ever_less_often_and_others_go_on(house: House, tmp_path: Path, webhook: Hook) -> None:
    """The mail waits with back-off, the webhook is told at once; after three days nobody tries any more."""
    dead = channel(tmp_path, "mail", f"mailto://127.0.0.1:{free_port()}/?from=a@example.cn&to=b@example.cn&smtp=127.0.0.1&mode=insecure")
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, dead, duty)
    assert deliver(house.engine, dead, house.now) == 1
    assert deliver(house.engine, duty, house.now) == 1
    assert states(house)["duty"] == (notifications.SENT, 1, None)
    assert states(house)["mail"] == (notifications.FAILED, 1, "the mail server cannot be reached or refused it (ConnectionRefusedError)")
    assert deliver(house.engine, dead, house.now + 9_999) == 0
    assert deliver(house.engine, dead, house.now + 10_000) == 1
    assert deliver(house.engine, dead, house.now + 20_000) == 0
    assert [notifications.pause(n) for n in (1, 2, 3, 7, 8, 50)] == [10_000, 20_000, 40_000, 640_000, 900_000, 900_000]
    late = house.now + notifications.GIVE_UP + MINUTE
    assert deliver(house.engine, dead, late) == 1
    assert deliver(house.engine, dead, late + notifications.GIVE_UP) == 0
    assert states(house)["mail"][0] == notifications.FAILED


def test_a_message_does_not_wait_for_a_time_that_was_never_right(house: House, tmp_path: Path, webhook: Hook) -> None:
    """It was tried while the clock was eight hours ahead; when the time moves back, it is tried at once, and waits its pause then."""
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, duty)
    webhook.status = 500
    assert deliver(house.engine, duty, house.now + 8 * 60 * MINUTE) == 1
    assert deliver(house.engine, duty, house.now) == 1
    assert deliver(house.engine, duty, house.now + 19_999) == 0
    webhook.status = 200
    assert deliver(house.engine, duty, house.now + 20_000) == 1
    assert states(house)["duty"] == (notifications.SENT, 3, None)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_refusing_webhook_is_tried_again(status: int, house: House, tmp_path: Path, webhook: Hook) -> None:
    """What a receiver refuses it does not have."""
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, duty)
    webhook.status = status
    assert deliver(house.engine, duty, house.now) == 1
    webhook.status = 200
    assert deliver(house.engine, duty, house.now + 10_000) == 1
    assert len({key for key, _ in webhook.got}) == 1
    assert states(house)["duty"] == (notifications.SENT, 2, None)


def test_a_fault_of_the_sender_waits_like_a_refusal(
    house: House, tmp_path: Path, webhook: Hook, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An error that no service should raise is kept by its kind alone, backs off, and lets the end be told after it."""

    def broken(*_what: object, **_more: object) -> bool:
        raise RuntimeError("s3cret-path")

    duty = channel(tmp_path, "duty", webhook.url)
    alert = fire(house, duty)
    with monkeypatch.context() as patched:
        patched.setattr(NotifyJSON, "notify", broken)
        assert deliver(house.engine, duty, house.now) == 1
        assert states(house)["duty"] == (notifications.FAILED, 1, "a fault of the sender (RuntimeError)")
        assert deliver(house.engine, duty, house.now + 9_999) == 0
        assert deliver(house.engine, duty, house.now + 10_000) == 1
    house.clear("car-em-01", "sos")
    house.run(house.now + 10 * MINUTE)
    assert deliver(house.engine, duty, house.now) == 2
    assert [key for key, _ in webhook.got] == [f"{alert}.fired.duty", f"{alert}.resolved.duty"]
    out, err = capfd.readouterr()
    assert "RuntimeError" in out + err
    assert "s3cret" not in out + err


@on_each_database
def test_that_it_is_over_is_not_told_before_that_it_began(house: House, tmp_path: Path, webhook: Hook) -> None:
    """While a receiver is down both messages wait; then they come in their order."""
    duty = channel(tmp_path, "duty", webhook.url)
    alert = fire(house, duty)
    webhook.status = 500
    deliver(house.engine, duty, house.now)
    house.clear("car-em-01", "sos")
    house.run(house.now + 10 * MINUTE)
    webhook.status, webhook.got = 200, []
    assert deliver(house.engine, duty, house.now) == 2
    assert [key for key, _ in webhook.got] == [f"{alert}.fired.duty", f"{alert}.resolved.duty"]


@on_each_database
def test_a_message_in_hand_is_not_taken_twice(house: House, tmp_path: Path, webhook: Hook) -> None:
    """Two services may send; one that died leaves its message to the other after half a minute."""
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, duty)
    first = notifications.take(house.engine, duty, house.now)
    assert first is not None
    assert notifications.take(house.engine, duty, house.now + notifications.LEASE - 1) is None
    again = notifications.take(house.engine, duty, house.now + notifications.LEASE)
    assert again is not None
    assert again.key == first.key


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_who_takes_messages_waits_for_no_other(house: House, tmp_path: Path, webhook: Hook) -> None:
    """While another process takes for a channel, there is nothing to take; afterwards there is."""
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, duty)
    brake = tables.channel_brake
    with writing(house.engine).begin() as other:
        other.execute(brake.insert().values(channel=duty.name, full_at=0))
    with writing(house.engine).begin() as other:
        other.execute(sa.select(brake).where(brake.c.channel == duty.name).with_for_update())
        assert notifications.take(house.engine, duty, house.now) is None
    assert notifications.take(house.engine, duty, house.now) is not None


def test_nobody_is_told_of_less_than_the_channel_wants(house: House, tmp_path: Path, webhook: Hook) -> None:
    """A channel for critical alerts hears of no warning, and one that wants no end hears of none."""
    critical = channel(tmp_path, "critical", webhook.url, min_severity="critical", resolved=False)
    house.use("car-em-01")
    house.evaluator.channels = [critical]
    house.now = START
    house.set("car-em-01", "overspeed", 150.0)
    house.set("car-em-01", "sos")
    house.run(START + 3 * MINUTE)
    house.clear("car-em-01", "sos")
    house.run(house.now + 10 * MINUTE)
    assert {(alert.rule, alert.state) for alert in house.alerts()} == {("vehicle_speeding", "firing"), ("vehicle_sos", "resolved")}
    assert deliver(house.engine, critical, house.now) == 1
    assert [key.split(".")[1] for key, _ in webhook.got] == ["fired"]


@on_each_database
def test_who_acknowledges_stops_no_end_and_starts_no_message(house: House, tmp_path: Path, webhook: Hook) -> None:
    """An acknowledged alert tells nobody again while it lasts, and is resolved when its cause is gone."""
    duty = channel(tmp_path, "duty", webhook.url, resolved=False)
    alert = fire(house, duty)
    deliver(house.engine, duty, house.now)
    assert service.acknowledge(house.engine, house.site.group, alert, "calling", "wang", house.now)
    house.run(house.now + 20 * MINUTE)
    assert [row.state for row in house.alerts()] == ["acknowledged"]
    house.clear("car-em-01", "sos")
    house.run(house.now + 10 * MINUTE)
    assert [(row.state, row.note, row.acknowledged_by) for row in house.alerts()] == [("resolved", "calling", "wang")]
    deliver(house.engine, duty, house.now)
    assert len(webhook.got) == 1
    with pytest.raises(service.NotOpenError):
        service.acknowledge(house.engine, house.site.group, alert, "", "wang", house.now)


def test_no_log_holds_a_secret(
    house: House, tmp_path: Path, webhook: Hook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither a try that fails nor one that succeeds writes the address of the receiver, whatever the level."""
    caplog.set_level(logging.INFO)
    duty = channel(tmp_path, "duty", webhook.url)
    fire(house, duty)
    webhook.status = 500
    deliver(house.engine, duty, house.now)
    webhook.status = 200
    deliver(house.engine, duty, house.now + MINUTE)
    assert len(webhook.got) == 2
    out, err = capfd.readouterr()
    assert "duty" in out + err
    assert "s3cret" not in out + err + caplog.text + repr(duty)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "channels:\n  - {name: a, url_env: UNSET_VARIABLE}\n",
            ":2: channels.0.url_env: expected the name of a variable that is set",
        ),
        ("channels:\n  - {name: a, url_file: none}\n", ":2: channels.0.url_file: "),
        ("channels:\n  - {name: a}\n", ":2: channels.0: expected either url_file or url_env"),
        ("channels:\n  - {name: a, url_file: bad}\n", ":2: channels.0.url_file: expected an address that apprise knows"),
        ("channels:\n  - {name: a, url_env: HOME, min_severity: loud}\n", ":2: channels.0.min_severity: Input should be"),
        ("channels:\n  - {name: a, url_file: good}\n  - {name: a, url_file: good}\n", ":3: channels.1.name: expected a name that no other"),
    ],
)
def test_wrong_channels_are_refused_without_their_secret(text: str, said: str, tmp_path: Path) -> None:
    """File, line and field are named, and what stands in the secret's place is not."""
    file = tmp_path / "channels.yaml"
    file.write_text(text, encoding="utf-8")
    (tmp_path / "good").write_text("json://127.0.0.1/x", encoding="utf-8")
    (tmp_path / "bad").write_text("nonsense-s3cret", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_channels(file)
    assert str(refused.value).startswith(f"{file}{said}"), refused.value
    assert "s3cret" not in str(refused.value)


def test_files_that_are_not_utf8_are_refused_in_one_line(tmp_path: Path) -> None:
    """An address in another encoding is refused with the field that names its file, the settings themselves with theirs."""
    file, address = tmp_path / "channels.yaml", tmp_path / "url"
    file.write_text("channels:\n  - {name: a, url_file: url}\n", encoding="utf-8")
    address.write_bytes(b"json://h/\xff")
    with pytest.raises(ConfigError) as refused:
        load_channels(file)
    assert str(refused.value) == f"{file}:2: channels.0.url_file: {address} cannot be read: not UTF-8 at byte 9"
    file.write_bytes(b"channels: [\xff]\n")
    with pytest.raises(ConfigError) as refused:
        load_channels(file)
    assert str(refused.value) == f"{file}: cannot be read: not UTF-8 at byte 11"


WRONG_PLACES = [
    ('{name: a, url: "SECRET"}', ":2: channels.0: expected the address in what url_file or url_env name"),
    ('{name: a, url: "SECRET", url_file: good}', ":2: channels.0: expected the address in what url_file or url_env name"),
    ('{name: a, url: ["SECRET"], url_file: good}', ":2: channels.0.url: Input should be a valid string"),
    ('{name: a, ur1: "SECRET", url_file: good}', ":2: channels.0.?: Extra inputs are not permitted"),
    ('{name: a, "SECRET"}', ":2: channels.0.?: Extra inputs are not permitted"),
    ('{name: a, url_file: "SECRET"}', ":2: channels.0: expected the address in what url_file or url_env name"),
    ('{name: a, url_env: "SECRET"}', ":2: channels.0: expected the address in what url_file or url_env name"),
    ('{name: "SECRET", url_file: good}', ":2: channels.0.name: String should match pattern"),
    ('{name: a, url_file: good, language: "SECRET"}', ":2: channels.0.language: Input should be 'zh' or 'en'"),
    ('"SECRET"', ":2: channels.0: Input should be a valid dictionary"),
    ('["SECRET"]', ":2: channels.0: Input should be a valid dictionary"),
    ("{name: a, url: !SECRET}", ":2: expected …"),
    ("{name: a, url: !s3cretpw x}", ":2: could not determine a constructor for the tag …"),
    ("{name: a, url: *SECRET }", ":2: "),
    ("{name: a, url: !!int SECRET }", ":2: channels.0.url: expected a plain name or number"),
]


@pytest.mark.parametrize(("item", "said"), WRONG_PLACES)
def test_an_address_in_a_wrong_place_is_not_shown(item: str, said: str, tmp_path: Path) -> None:
    """Wherever in the settings an address was put, the one line names file and field but no part of it."""
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels:\n  - {item}\n".replace("SECRET", "json://user:s3cretpw@h/"), encoding="utf-8")
    (tmp_path / "good").write_text("json://127.0.0.1/x", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_channels(file)
    assert str(refused.value).startswith(f"{file}{said}"), refused.value
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)
