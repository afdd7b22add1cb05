"""Long messages are put together from packages in any order, and what is never finished stays within its bounds."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.jt808.codec.frame import Frame, decode, encode, split_message
from protocols.jt808.codec.reassembly import ASK_AFTER_MS, KEEP_MS, MOST_ASKED, Incomplete, Reassembler

NOW = 1_000_000
PHONE = "012345678901"
WHO = PHONE.lstrip("0")
HEARTBEAT = Frame(0x0002, PHONE, 7, 2013)
WORDS = st.integers(0, 0xFFFF)


def message(size: int, seq: int = 5, phone: str = PHONE, letter: bytes = b"a") -> list[Frame]:
    """The packages of a batch."""
    return split_message(Frame(0x0704, phone, seq, 2013, letter * size))


@given(st.binary(max_size=5000), st.integers(1, 1023), WORDS, st.randoms(use_true_random=False))
def test_a_long_message_comes_back_in_any_order(body: bytes, longest: int, seq: int, random: Random) -> None:
    """Packages carry consecutive numbers and make the message again, also over the end of the sequence."""
    whole = Frame(0x0704, PHONE, seq, 2013, body)
    packages = [decode(encode(one)) for one in split_message(whole, longest)]
    assert [one.seq for one in packages] == [(seq + index) & 0xFFFF for index in range(len(packages))]
    random.shuffle(packages)
    reassembler = Reassembler(most_bytes_each=1 << 22)
    results = [reassembler.add(one, NOW) for one in [*packages[:-1], *packages]]
    assert results == [None] * (2 * len(packages) - 2) + [whole]


@given(st.integers(2, 8), WORDS, st.lists(st.integers(0, 30), min_size=8, max_size=8))
def test_other_messages_between_the_packages_change_nothing(total: int, seq: int, between: list[int]) -> None:
    """A heartbeat takes a number of the same sequence, so a message's packages are not always numbered one after the other."""
    reassembler, sent, results = Reassembler(), message(1023 * total), []
    for package, others in zip(sent, between, strict=False):
        results.append(reassembler.add(replace(package, seq=seq), NOW))
        seq = (seq + 1 + others) & 0xFFFF
    assert [done is not None for done in results] == [False] * (total - 1) + [True]
    assert results[-1] is not None
    assert results[-1].body == b"a" * 1023 * total


@given(st.integers(2, 5), st.integers(0, 40), st.data())
def test_two_messages_are_never_mixed(total: int, apart: int, data: st.DataObject) -> None:
    """Whatever package of the first is lost, the second comes out as it was sent or not at all, never with a piece of the first."""
    first, second = message(1023 * total, 100), message(1023 * total, 100 + total + apart, letter=b"b")
    lost = data.draw(st.sets(st.integers(0, total - 1), min_size=1))
    reassembler = Reassembler()
    sent = [package for n, package in enumerate(first) if n not in lost] + second
    whole = [done.body for package in sent if (done := reassembler.add(package, NOW))]
    assert whole == [b"b" * 1023 * total]


def test_the_last_package_repeated_makes_the_message_again_and_another_does_not() -> None:
    """Its answer waits for the commit and may be lost; the others were answered when they came."""
    reassembler, sent = Reassembler(), message(2500)
    assert [reassembler.add(one, NOW) is not None for one in sent] == [False, False, True]
    assert [reassembler.add(one, NOW) is not None for one in (sent[0], sent[1], sent[2])] == [False, False, True]
    assert reassembler.wanted(WHO, NOW + 20_000) == []


def test_a_message_sent_again_with_new_numbers_is_the_same_message() -> None:
    """A terminal that begins anew numbers anew: what came before counts, and what follows is counted from there."""
    reassembler = Reassembler()
    again = message(2500, seq=40_000)
    assert [reassembler.add(one, NOW) for one in message(2500)[:2]] == [None, None]
    assert [reassembler.add(one, NOW) is not None for one in again] == [False, False, True]


def test_missing_packages_are_asked_for_at_once_after_the_last_and_again_after_silence() -> None:
    """Three questions, each after a longer silence; a package that comes puts them off."""
    sent = message(4000, 65535)
    reassembler = Reassembler()
    for one in (sent[0], sent[2]):
        assert reassembler.add(one, NOW) is None
        assert reassembler.wanted(WHO, NOW) == []
    assert reassembler.add(sent[3], NOW) is None
    (asked,) = reassembler.wanted(WHO, NOW)
    assert asked == Incomplete(PHONE, 0x0704, 2013, 65535, 4, (2,), NOW)
    times = [NOW + second * 1000 for second in range(1, 60) if reassembler.wanted(WHO, NOW + second * 1000)]
    assert times == [NOW + 2 * ASK_AFTER_MS, NOW + 5 * ASK_AFTER_MS]
    assert len(times) + 1 == MOST_ASKED
    assert reassembler.add(sent[1], NOW + 50_000) is not None


def test_a_pause_within_a_message_is_asked_about() -> None:
    """After five seconds without a package the rest is asked for, also where the last has not come."""
    reassembler = Reassembler()
    assert reassembler.add(message(4000)[0], NOW) is None
    assert reassembler.wanted(WHO, NOW + ASK_AFTER_MS - 1) == []
    assert [one.missing for one in reassembler.wanted(WHO, NOW + ASK_AFTER_MS)] == [(2, 3, 4)]


def test_a_message_that_stays_incomplete_is_told_and_forgotten() -> None:
    """Sixty seconds after the latest package the rest is dropped; one that was whole is dropped without a word."""
    told: list[Incomplete] = []
    reassembler = Reassembler(abandoned=told.append)
    assert reassembler.add(HEARTBEAT, NOW) == HEARTBEAT
    for one in (*message(2500)[:2], *message(1500, 400, "2" * 12)):
        reassembler.add(one, NOW)
    reassembler.expire(NOW + KEEP_MS)
    assert (told, len(reassembler.senders())) == ([], 2)
    reassembler.expire(NOW + KEEP_MS + 1)
    assert [(one.phone, one.msg_id, one.missing) for one in told] == [(PHONE, 0x0704, (3,))]
    assert (reassembler.senders(), reassembler.size) == ([], 0)


def test_two_vehicles_do_not_mix() -> None:
    """Equal numbers of two phones are two messages."""
    reassembler = Reassembler()
    one, two = (message(1500, phone=phone, letter=letter) for phone, letter in (("1" * 12, b"a"), ("2" * 12, b"b")))
    assert [reassembler.add(frame, NOW) for frame in (one[0], two[0])] == [None, None]
    done = reassembler.add(one[1], NOW)
    assert done is not None
    assert (done.phone, done.body) == ("1" * 12, b"a" * 1500)


@pytest.mark.parametrize(("size", "total"), [(1, 65535), (1023, 65535), (1, 2), (1023, 2)])
def test_senders_that_never_finish_are_bounded(size: int, total: int) -> None:
    """Sixty terminals with pieces of any size stay within the bound, really, and a well-behaved one among them gets through."""
    told: list[Incomplete] = []
    bound = 1 << 20
    reassembler = Reassembler(most_bytes=bound, most_bytes_each=bound // 8, abandoned=told.append)
    whole = None
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1, 200):
        for sender in range(60):
            seq = number if total > 2 else number * 1000
            package = number if total > 2 else 1
            reassembler.add(Frame(0x0704, f"{sender + 1:012}", seq, 2013, bytes(size), total, package), NOW)
            told.clear()
        if number >= 198:
            whole = reassembler.add(message(1500, phone="9" * 12)[number - 198], NOW)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert whole is not None
    assert reassembler.size <= bound
    assert held <= 1.25 * bound


def test_of_one_terminal_the_message_that_waited_longest_goes_first() -> None:
    """Eight at once are more than any terminal sends; the ninth costs it the first, and nobody else anything."""
    told: list[Incomplete] = []
    reassembler = Reassembler(abandoned=told.append)
    reassembler.add(message(1500, phone="2" * 12)[0], NOW)
    for seq in range(10):
        reassembler.add(Frame(0x0704, PHONE, seq * 1000, 2013, bytes([seq]), 2, 1), NOW)
    assert [(one.phone, one.first_seq) for one in told] == [(PHONE, 0), (PHONE, 1000)]
