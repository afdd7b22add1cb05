"""Frames survive any splitting; broken ones never stop the stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.jt808.codec.frame import Frame, FrameError, Splitter, Version, decode, encode

HEARTBEAT = Frame(0x0002, "012345678901", 7, 2013)
NOW = 1_790_000_000_000
WORDS = st.integers(0, 0xFFFF)
BODIES = st.binary(max_size=1023) | st.lists(st.sampled_from([0x7D, 0x7E, 1, 2]), max_size=64).map(bytes)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    version: Version = draw(st.sampled_from([2013, 2019]))
    digits = 12 if version == 2013 else 20
    total = draw(st.integers(0, 0xFFFF))
    return Frame(
        draw(WORDS),
        draw(st.text("0123456789abcdef", min_size=digits, max_size=digits)),
        draw(WORDS),
        version,
        draw(BODIES),
        total,
        draw(st.integers(1, total)) if total else 0,
        draw(st.integers(0, 255)) if version == 2019 else 1,
        draw(st.sampled_from([0, 0x0400, 0x8000, 0x9C00])),
    )


def outcomes(found: list[Frame | FrameError]) -> list[Frame | tuple[str, bytes]]:
    return [(one.reason, one.raw) if isinstance(one, FrameError) else one for one in found]


def fed(*pieces: bytes, longest: int = 8192) -> list[Frame | tuple[str, bytes]]:
    splitter = Splitter(longest)
    return outcomes([one for piece in pieces for one in splitter.feed(piece)])


@given(frames())
def test_a_frame_comes_back_as_it_went(frame: Frame) -> None:
    """Every header field and every byte of the body survives the wire, with delimiters only at the ends."""
    wire = encode(frame)
    assert decode(wire) == frame
    assert wire.count(0x7E) == 2


def test_the_standard_s_example_of_escaping() -> None:
    """30 7E 08 7D 55 is sent as 7E 30 7D 02 08 7D 01 55 7E: read back, its check byte is the only thing that is wrong."""
    (found,) = Splitter().feed(bytes.fromhex("7e307d02087d01557e"))
    assert isinstance(found, FrameError)
    assert found.reason == "check byte differs"
    escaped = encode(Frame(0x307E, "087d55000000", 0, 2013))
    assert escaped.startswith(bytes.fromhex("7e307d020000087d0155"))


def test_the_check_byte_is_escaped_too() -> None:
    """A check byte of 7E must not look like the end of the frame."""
    (wire,) = [w for w in (encode(Frame(2, "012345678901", seq, 2013)) for seq in range(256)) if w.endswith(b"\x7d\x02\x7e")]
    assert decode(wire).msg_id == 2


def test_both_headers_are_known_by_attribute_bit_14() -> None:
    """A 2019 header has a version byte and twenty digits; shorter phones are padded with zeros."""
    assert encode(Frame(2, "13800138000", 1, 2013))[:-2].hex() == "7e" + "00020000" + "013800138000" + "0001"
    assert encode(Frame(2, "13800138000", 1, 2019))[1:17].hex() == "00024000" + "01" + "00000000013800138000" + "00"
    assert decode(encode(Frame(2, "13800138000", 1, 2019))).phone == "00000000013800138000"


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (Frame(2, "x", 0, 2013), "hexadecimal"),
        (Frame(2, "1234567890123", 0, 2013), "digits"),
        (Frame(2, "1 2 3 4 5 6 ", 0, 2013), "digits"),
        (Frame(2, "1", 65536, 2013), "header"),
        (Frame(2, "1", 0, 2013, bytes(1024)), "split_message"),
        (Frame(2, "1", 0, 2013, marks=0x2000), "marks"),
    ],
)
def test_what_does_not_fit_is_refused(frame: Frame, why: str) -> None:
    """A frame that the header cannot say is an error of the sender, named."""
    with pytest.raises(FrameError, match=why):
        encode(frame)


def test_splits_at_every_offset_give_the_same_frames() -> None:
    """Where the network cuts the stream does not matter, garbage included."""
    located = Frame(0x0200, "012345678901", 8, 2019, bytes.fromhex("7d7e7d01") * 7)
    stream = b"GET /" + encode(HEARTBEAT) + encode(located) + b"noise" + encode(HEARTBEAT)[:-3] + encode(HEARTBEAT)
    whole = fed(stream)
    assert [one for one in whole if isinstance(one, Frame)] == [
        HEARTBEAT,
        Frame(0x0200, "0" * 8 + "012345678901", 8, 2019, located.body),
        HEARTBEAT,
    ]
    assert len([one for one in whole if not isinstance(one, Frame)]) == 3
    for at in range(len(stream) + 1):
        assert fed(stream[:at], stream[at:]) == whole
    assert fed(*(bytes([byte]) for byte in stream)) == whole


def test_one_delimiter_may_be_shared_and_doubled() -> None:
    """Frames that share a 7E, and empty ones between two, cost nothing."""
    wire = encode(HEARTBEAT)
    assert fed(wire + wire[1:]) == [HEARTBEAT, HEARTBEAT]
    assert fed(b"\x7e\x7e\x7e" + wire + b"\x7e" + wire) == [HEARTBEAT, HEARTBEAT]


def test_endless_noise_is_bounded_and_then_forgotten() -> None:
    """Without a delimiter the buffer stops growing, one error is told, and the next frame is read."""
    splitter = Splitter(100)
    found = [one for _ in range(1000) for one in splitter.feed(b"a" * 999)]
    assert outcomes(found) == [("no delimiter within 100 bytes", b"a" * 100)]
    assert splitter.feed(encode(HEARTBEAT)) == [HEARTBEAT]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("7e7d7e", "7D is followed"),
        ("7e7d037e", "7D is followed"),
        ("7e000000007e", "too few"),
        ("7e0002000101234567890100008b7e", "header says 1 bytes"),
        ("7e000220000123456789010000000000" + "00aa7e", "0 packages"),
        ("7e000220000123456789010000000200032b7e".replace("2b7e", f"{0xAA ^ 1:02x}7e"), "package 3 of 2"),
        ("0002", "no delimiter"),
        ("7e", "no delimiter"),
    ],
)
def test_a_broken_frame_says_why(wire: str, reason: str) -> None:
    """Each way to be broken has its own reason."""
    with pytest.raises(FrameError, match=reason):
        decode(bytes.fromhex(wire))


@given(st.lists(st.binary(max_size=300) | frames().map(encode), max_size=8))
def test_noise_gives_frames_or_our_error(pieces: list[bytes]) -> None:
    """Random bytes between frames raise nothing, and how they are cut changes nothing."""
    assert fed(*pieces) == fed(b"".join(pieces))


@given(frames(), st.integers(0, 4000), st.integers(0, 4000))
def test_a_truncated_frame_is_an_error_and_the_next_is_read(frame: Frame, start: int, length: int) -> None:
    """Whatever part of a frame is lost, the whole frame after it arrives."""
    wire = encode(frame)
    part = wire[start : start + length]
    found = fed(b"\x7e" + part + b"\x7e" + wire)
    assert found[-1] == frame
