"""Lines of mosquitto's log: who was refused and why, whatever strangers call themselves."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pytest

from cloud.ingest import broker_log
from cloud.ingest.broker_log import Attempt, BrokerLog, Reason

A, B = "10.0.0.1", "10.0.0.2"


def heard(*lines: str, step: float = 1.0) -> list[Attempt]:
    """What the lines tell, one a second."""
    log = BrokerLog()
    return [told for number, line in enumerate(lines) if (told := log.heard(line, number * step)) is not None]


def new(address: str, port: int = 40000) -> str:
    return f"1795975492: New connection from {address}:{port} on port 8883."


def entered(address: str, name: str, port: int = 40000) -> str:
    return f"1795975492: New client connected from {address}:{port} as {name} (p2, c1, k60, u'{name}')."


NO_ENTRY = "1795975494: Client <unknown> disconnected, not authorised."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (NO_ENTRY, Attempt(Reason.NOT_AUTHORISED, A)),
        ("1795975494: Client meter 7 disconnected, not authorised.", Attempt(Reason.NOT_AUTHORISED, A, "meter 7")),
        ("2026-06-21 14:20:44: Client x [10.0.0.9:52097] disconnected: not authorised.", Attempt(Reason.NOT_AUTHORISED, "10.0.0.9", "x")),
        ("2026-06-21T14:20:44: Client x [10.0.0.9:5] disconnected: not authorised.", Attempt(Reason.NOT_AUTHORISED, "10.0.0.9", "x")),
        ("1: Client <unknown> disconnected due to protocol error.", Attempt(Reason.PROTOCOL, A)),
        ("1: Client <unknown> disconnected due to malformed packet.", Attempt(Reason.PROTOCOL, A)),
        ("1: Client connection from 10.0.0.9 failed: error:0A000086:SSL routines::verify failed.", Attempt(Reason.CERTIFICATE, "10.0.0.9")),
        ("1: Client connection from 10.0.0.9 denied: max_connections exceeded.", Attempt(Reason.FULL, "10.0.0.9")),
        ("1: Client gw-c1 disconnected.", None),
        ("1: Client <unknown> closed its connection.", None),
    ],
)  # fmt: skip
def test_a_line_says_who_was_refused_and_why(line: str, told: Attempt | None) -> None:
    """One address has connected and not entered: it is the one, where the line names none."""
    assert heard(new(A), line) == ([told] if told else [])


def test_a_missing_certificate_is_told_once() -> None:
    """Two lines of mosquitto, one refused client."""
    tls = "1: OpenSSL Error[0]: error:0A0000C7:SSL routines::peer did not return a certificate"
    assert heard(new(A), tls, "1: Client <unknown> disconnected: Protocol error.") == [Attempt(Reason.CERTIFICATE, A)]


def test_one_of_several_addresses_is_not_guessed() -> None:
    """Who entered or left is none of them; of the others all are named while they are few."""
    assert heard(new(A), new(B), entered(A, "gw-c1"), NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, B)]
    assert heard(new(A), "1: Client <unknown> closed its connection.", new(B), NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, B)]
    assert heard(new(A), new(B), NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, f"{A}, {B}")]
    assert heard(*(new(f"10.0.0.{number}") for number in range(9)), NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, "")]
    assert heard(NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, "")]
    assert heard(new(A), new("::1"), NO_ENTRY, step=40.0) == [Attempt(Reason.NOT_AUTHORISED, "::1")]


def test_three_take_overs_of_a_user_are_two_clients() -> None:
    """A gateway that comes back before the broker missed it is none, nor are three in an hour."""
    again = [new(B), "1: Client gw-c1 already connected, closing old connection.", entered(B, "gw-c1")]
    assert heard(*again * 2) == []
    assert heard(*again * 3) == [Attempt(Reason.CONTESTED, "gw-c1", B)]
    assert heard(*again * 3, step=150.0) == []


@pytest.mark.parametrize(
    "name",
    [
        "gw-c1 already connected, closing old connection.",
        "x disconnected, not authorised. Client gw-c1",
        "x as gw-c1 (p2, c1, k60, u'gw-c1').",
        "1: Client gw-c1 [10.0.0.1:1] disconnected, not authorised.",
        "x [10.0.0.66:1]",
        "connection from 10.0.0.66 failed: x",
        "connection from 10.0.0.66 denied: max_connections exceeded.",
    ],
)
def test_a_client_id_cannot_pass_for_another_line(name: str) -> None:
    """Whatever a client calls itself, it is one refused client of its own address, or one that entered."""
    assert heard(new(A), f"1: Client {name} disconnected, not authorised.") == [Attempt(Reason.NOT_AUTHORISED, A, name)]
    assert heard(new(A), entered(A, name), NO_ENTRY) == [Attempt(Reason.NOT_AUTHORISED, "")]


def test_what_is_kept_of_a_name_is_short_and_printable() -> None:
    """Nothing that a screen does not show, and 64 signs of it."""
    (told,) = heard(new(A), f"1: Client {'a' * 10}\u202e\x1b[2J{'b' * 500} disconnected, not authorised.")
    assert told.detail == f"{'a' * 10}\ufffd\ufffd[2J{'b' * 49}"


def test_a_flood_is_not_remembered() -> None:
    """A hundred thousand connections that say nothing and a thousand users cost no more than a thousand each."""
    log = BrokerLog()
    for number in range(5000):
        log.heard(new("10.9.9.9", number), 0.0)
        log.heard("1: Client x already connected, closing old connection.", 0.0)
        log.heard(entered("10.9.9.9", f"user{number}", number + 100_000), 0.0)
    assert (len(log._open), len(log._taken)) == (1000, 1000)


@pytest.mark.parametrize("end", ["disconnected, not authorised.", "disconnected: not authorised.", "closed its connection.", "is odd"])
@pytest.mark.parametrize("part", [" [a:1", ":1", " [a:1]", " (p1, c1, k1, u'", " (p1, c1, k1", " ", "] ", "1: Client ", "as "])
def test_a_strangers_id_costs_no_more_than_its_length(part: str, end: str) -> None:
    """However long an id is and whatever it repeats: a line is looked at in so many steps, of which each goes through it once at most."""
    steps: Counter[str] = Counter()

    def note(_frame: object, event: str, what: object) -> None:
        if event == "c_call":
            steps[getattr(what, "__name__", "")] += 1

    for begin in ("1: Client  [", "1: New client connected from 10.0.0.9:1 as ", "1: New connection from ", "1: Client connection from "):
        line = f"{begin}{part * 20_000} {end}"
        sys.setprofile(note)
        BrokerLog().heard(line, 0.0)
        sys.setprofile(None)
    parts = 20_000 if part.startswith(" (p") else 0  # each place where an id may end is looked at once, from the last on
    assert steps["fullmatch"] + steps["match"] <= 4 * 8 + parts
    assert steps["rfind"] <= 4 + parts


def test_no_pattern_repeats_without_a_bound() -> None:
    """So none can go through a line again and again."""
    patterns = [value.pattern for value in vars(broker_log).values() if isinstance(value, re.Pattern)]
    assert len(patterns) > 5
    assert [pattern for pattern in patterns if re.search(r"(?<!\\)[*+](?![^\[]*\])", pattern)] == []
