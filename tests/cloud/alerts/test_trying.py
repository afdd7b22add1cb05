"""`jieyue-cloud alerts`: what is set up, and a trial message before something breaks."""

from __future__ import annotations

import json
import os
import subprocess
from email.header import decode_header, make_header
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud.alerts.ruleset import SHIPPED
from simulators.stack.broker import free_port
from tests import commands

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import Hook, Mailbox


def alerts(tmp_path: Path, channels: dict[str, tuple[str, str]], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command with channels, by name their address and language."""
    for name, (url, _) in channels.items():
        (tmp_path / f"{name}-url").write_text(url, encoding="utf-8")
    entries = [{"name": name, "url_file": f"{name}-url", "language": language} for name, (_, language) in channels.items()]
    (tmp_path / "channels.yaml").write_text(json.dumps({"channels": entries}), encoding="utf-8")
    environment = os.environ | {"JIEYUE_CHANNELS": str(tmp_path / "channels.yaml")}
    return commands.run("cloud", "alerts", *arguments, environment=environment)


def test_each_channel_gets_one_trial_message_in_its_language(tmp_path: Path, webhook: Hook, mails: Mailbox) -> None:
    """What arrives says that it is a trial; a line says who has it, a recipient of a mail by their own, and who refused."""
    mails.refused["b@example.cn"] = "550 no such user"
    channels = {"duty": (webhook.url, "en"), "mail": (mails.to("to=a@example.cn,b@example.cn"), "zh")}
    done = alerts(tmp_path, channels, "test")
    refused = "mail/b@example.cn: not sent: the receiver cannot be reached or refused it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "duty: sent\nmail/a@example.cn: sent\n" + refused, "")
    ((key, body),) = webhook.got
    assert key.endswith(".trial.duty")
    assert (body["title"], body["message"]) == (
        "[Trial] A trial message of Jieyue",
        "This tries the channel duty. There is no alert, and nothing is to be done.",
    )
    (mail,) = mails.got
    assert str(make_header(decode_header(mail["Subject"]))) == "[测试] 节约系统试发消息"


def test_only_named_channels_are_tried(tmp_path: Path, webhook: Hook, mails: Mailbox) -> None:
    """A name of the settings means all its recipients; with all told the command ends with 0."""
    channels = {"duty": (webhook.url, "en"), "mail": (mails.to("to=a@example.cn,b@example.cn"), "zh")}
    done = alerts(tmp_path, channels, "test", "mail")
    assert (done.returncode, done.stdout) == (0, "mail/a@example.cn: sent\nmail/b@example.cn: sent\n")
    done = alerts(tmp_path, channels, "test", "mail/b@example.cn")
    assert (done.returncode, done.stdout) == (0, "mail/b@example.cn: sent\n")
    assert [mail["To"] for mail in mails.got] == ["a@example.cn", "b@example.cn", "b@example.cn"]
    assert webhook.got == []


def test_a_trial_that_fails_prints_no_secret(tmp_path: Path) -> None:
    """Nobody listens: exit code 1, and neither password nor token of the addresses is shown."""
    port = free_port()
    mail = f"mailto://user:s3cretpw@127.0.0.1:{port}/?from=a@example.cn&to=b@example.cn&smtp=127.0.0.1&mode=insecure"
    done = alerts(tmp_path, {"duty": (f"json://127.0.0.1:{port}/s3cret-path", "en"), "mail": (mail, "zh")}, "test")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "duty: not sent: the receiver cannot be reached or refused it",
        "mail: not sent: the mail server cannot be reached or refused it (ConnectionRefusedError)",
    ]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("names", "arguments", "said"),
    [
        (["duty", "chief"], ["nobody"], "no channel 'nobody'; there are duty, chief"),
        ([], [], "there is no channel to try; JIEYUE_CHANNELS names the file that they stand in"),
    ],
)
def test_a_channel_that_is_not_there_is_said(names: list[str], arguments: list[str], said: str, tmp_path: Path) -> None:
    """Exit code 2, and nothing is sent to the others."""
    done = alerts(tmp_path, dict.fromkeys(names, ("json://127.0.0.1:9/x", "en")), "test", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"jieyue-cloud: {said}\n")


def test_the_check_names_the_channels(tmp_path: Path) -> None:
    """One rule is one rule, one channel one channel, and several are listed in the file's order."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "vehicle_sos.yaml").write_bytes((SHIPPED / "vehicle_sos.yaml").read_bytes())
    check = ["check", "--rules", str(rules)]
    urls = dict.fromkeys(["duty", "chief"], ("json://127.0.0.1:9/x", "en"))
    assert alerts(tmp_path, urls, *check).stdout == "1 rule is fine; 2 channels: duty, chief\n"
    assert alerts(tmp_path, {"duty": urls["duty"]}, *check).stdout == "1 rule is fine; 1 channel: duty\n"
    assert alerts(tmp_path, {}, *check).stdout == "1 rule is fine\n"
