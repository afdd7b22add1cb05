"""Compressed payloads are read as what they hold, and never grow beyond their bound."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import compressed, sparkplug
from contract.sparkplug_b_pb2 import Payload
from simulators.foreign_node import compressed as wrap
from simulators.foreign_node import metric, payload

AT, MOST = 1_790_000_000_000, 100_000
ZLIB, GZIP, RAW = zlib.MAX_WBITS, 16 + zlib.MAX_WBITS, -zlib.MAX_WBITS
numbers = st.dictionaries(st.text(min_size=1, max_size=20), st.floats(allow_nan=False), max_size=20)


@given(numbers, st.sampled_from([("DEFLATE", ZLIB), ("deflate", RAW), ("", ZLIB), ("GZIP", GZIP), ("", GZIP), ("GZIP", ZLIB)]))
def test_a_compressed_payload_says_what_it_holds(values: dict[str, float], how: tuple[str, int]) -> None:
    """With zlib's header, gzip's or none, named or not: the payload is the one that was compressed."""
    plain = payload([metric(name, value) for name, value in values.items()], at=AT, seq=7)
    raw = wrap(plain, how[0], form=how[1])
    assert compressed.marked(raw)
    assert sparkplug.decode(compressed.unwrapped(raw, MOST)) == sparkplug.decode(plain)


def test_the_outer_time_and_seq_hold_where_the_inner_has_none() -> None:
    """Some clients number the outer payload, some the inner one; the inner one comes first."""
    outer = sparkplug.decode(wrap(Payload(seq=4).SerializeToString()))
    outer.timestamp, outer.seq = AT, 9
    found = sparkplug.decode(compressed.unwrapped(outer.SerializeToString(), MOST))
    assert (found.timestamp, found.seq, found.uuid, found.body, len(found.metrics)) == (AT, 4, "", b"", 0)


@pytest.mark.parametrize("form", [ZLIB, GZIP, RAW])
def test_the_bound_is_of_what_comes_out(form: int) -> None:
    """100 000 bytes are taken and 100 001 are not, and a gigabyte in a megabyte never fills the memory."""
    room = MOST - len(Payload(uuid="x" * MOST).SerializeToString()) + MOST
    exact = Payload(uuid="x" * room).SerializeToString()
    assert (len(exact), compressed.unwrapped(wrap(exact, form=form), MOST)) == (MOST, exact)
    with pytest.raises(compressed.TooLargeError, match="larger than 100000 bytes"):
        compressed.unwrapped(wrap(exact + b"\x18\x01", form=form), MOST)
    bomb = wrap(bytes(200_000_000), form=form)
    tracemalloc.start()
    with pytest.raises(compressed.TooLargeError):
        compressed.unwrapped(bomb, MOST)
    assert tracemalloc.get_traced_memory()[1] < 10 * MOST + 2 * len(bomb)
    tracemalloc.stop()


PLAIN = payload([metric("a", 1.0)], at=AT)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (wrap(PLAIN, "LZ4"), "algorithm that is not known"),
        (wrap(wrap(PLAIN)), "compressed twice"),
        (wrap(b"\xff\xff"), "not a Sparkplug payload"),
        (Payload(uuid=compressed.UUID).SerializeToString(), "cannot be decompressed"),
        (Payload(uuid=compressed.UUID, body=zlib.compress(PLAIN)[:-3]).SerializeToString(), "cannot be decompressed"),
        (Payload(uuid=compressed.UUID, body=zlib.compress(PLAIN) + b"more").SerializeToString(), "cannot be decompressed"),
        (Payload(uuid=compressed.UUID, body=gzip.compress(PLAIN)[:-1] + b"x").SerializeToString(), "cannot be decompressed"),
    ],
)
def test_what_cannot_be_decompressed_is_refused(raw: bytes, why: str) -> None:
    """Another algorithm, a payload within a payload within a payload, no payload, one cut short, one with more behind it, a wrong sum."""
    with pytest.raises(sparkplug.PayloadError, match=why):
        compressed.unwrapped(raw, MOST)


@given(st.binary(max_size=300), st.booleans())
def test_any_body_ends_in_a_payload_or_a_refusal(body: bytes, valid: bool) -> None:  # noqa: FBT001 (of hypothesis)
    """Untrusted bytes, compressed rightly or not; what was rightly compressed is refused only where it would be by itself."""
    raw = wrap(body) if valid else Payload(uuid=compressed.UUID, body=body).SerializeToString()
    found = read(lambda: sparkplug.decode(compressed.unwrapped(raw, MOST)))
    assert not valid or found == read(lambda: sparkplug.decode(body))


def read(payload: Callable[[], Payload]) -> bytes | None:
    """A payload as bytes, in which a NaN equals itself; None for one that is refused."""
    with contextlib.suppress(sparkplug.PayloadError):
        return payload().SerializeToString(deterministic=True)
    return None


def test_a_payload_that_only_names_the_mark_is_left_alone() -> None:
    """A text of a metric may be anything."""
    raw = payload([metric("note", compressed.UUID)], at=AT)
    assert compressed.marked(raw)
    assert compressed.unwrapped(raw, MOST) == raw
