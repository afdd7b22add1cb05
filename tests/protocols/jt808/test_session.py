"""A session without any network: whatever a terminal sends, it is answered by the rules and nothing ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.clock import Clock
from contract.operation import Text
from protocols.jt808.codec.bodies import decode_body, message
from protocols.jt808.codec.frame import Frame, FrameError, Splitter, encode
from protocols.jt808.codec.location import Batch, Location
from protocols.jt808.codec.reassembly import Reassembler
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, Register, RegisterResponse, ResendRequest, ServerTime
from protocols.jt808.driver.codes import Codes
from protocols.jt808.driver.session import Known, Session
from protocols.jt808.model import Device

NAME = Text(zh="车", en="Car")
CAR = Device(id="car-1", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="0863012ABCDEF")
PHONES = ("00000000863012abcdef"[-20:].zfill(20), "0" * 20, "1" * 20)
IDS = st.sampled_from(
    [0x0001, 0x0002, 0x0003, 0x0004, 0x0100, 0x0102, 0x0200, 0x0201, 0x0210, 0x0704, 0x0801, 0x0900, 0x8001, 0x8003, 0x8100]
)
AT = Clock().now_ms() // 1000 * 1000


@st.composite
def sent(draw: st.DrawFn) -> Frame | FrameError:
    """Any frame that a check byte lets through."""
    total = draw(st.sampled_from([0, 0, 1, 2, 3]))
    number = draw(st.integers(1, total)) if total else 0
    body = draw(st.binary(max_size=80) | st.just(message(Location.of(AT, 32.4, 105.8), "0", 0, 2019).body))
    marks = draw(st.sampled_from([0, 0, 0, 0x0400]))
    phone = draw(st.sampled_from(PHONES))
    return Frame(draw(IDS), phone, draw(st.integers(0, 20)), 2019, body, total, number, 1, marks)


def session() -> tuple[Session, list[str]]:
    """A session of a listener that knows one car, and what it reports."""
    told: list[str] = []
    known = Known({"863012abcdef": CAR}, Codes(None), Clock(), lambda who, what: told.append(f"{who}: {what}"), Reassembler())
    return Session(known, "peer"), told


@given(st.booleans(), st.lists(sent(), max_size=30))
def test_every_frame_is_answered_by_the_rules(authentic: bool, frames: list[Frame | FrameError]) -> None:  # noqa: FBT001 (hypothesis's argument)
    """Each gets at most one answer to its own number, of the known kinds, and beside it only questions for packages."""
    talk, _ = session()
    if authentic:
        code = Codes.code(talk.known.codes, "863012abcdef")
        talk.take(message(Auth(code), PHONES[0], 0, 2019))
    for frame in frames:
        assert isinstance(frame, Frame)
        outcome = talk.take(frame)
        answers = [decode_body(one) for raw in outcome.answers for one in Splitter().feed(raw) if isinstance(one, Frame)]
        direct = [one for one in answers if not isinstance(one, ResendRequest)]
        assert len(direct) <= 1
        for one in direct:
            assert isinstance(one, PlatformResponse | RegisterResponse | ServerTime)
            if not isinstance(one, ServerTime):
                assert one.reply_seq == frame.seq
        if frame.msg_id in {0x0001, 0x8001}:
            assert direct == []
        if outcome.rows:
            assert {row.device for row in outcome.rows} == {"car-1"}
            assert frame.phone == PHONES[0]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_noise_around_a_message_changes_nothing(before: bytes, after: bytes) -> None:
    """Whatever else came, the position of a known terminal is stored once."""
    talk, _ = session()
    talk.take(message(Auth(talk.known.codes.code("863012abcdef")), PHONES[0], 0, 2019))
    wire = encode(message(Location.of(AT, 32.4, 105.8), PHONES[0], 1, 2019))
    rows = [row for found in Splitter().feed(b"\x7e" + before + b"\x7e" + wire + after) for row in talk.take(found).rows]
    assert [(row.device, row.at) for row in rows] == [("car-1", AT)]


@given(st.lists(st.binary(min_size=6, max_size=6), max_size=12))
def test_a_batch_keeps_each_position_that_has_a_date(times: list[bytes]) -> None:
    """Each dated position is a row at its own time; result 2 only where nothing is left."""
    talk, told = session()
    talk.take(message(Auth(talk.known.codes.code("863012abcdef")), PHONES[0], 0, 2019))
    fixes = [Location(0, 2, 32_400_000 + n, 105_800_000, 0, 0, 0, raw.hex()) for n, raw in enumerate(times)]
    outcome = talk.take(message(Batch(0, tuple(fixes)), PHONES[0], 1, 2019))
    dated = sorted(at for fix in fixes if (at := fix.at()) is not None)
    assert [row.at for row in outcome.rows] == dated
    (answer,) = [decode_body(one) for one in Splitter().feed(outcome.answers[0]) if isinstance(one, Frame)]
    assert answer == PlatformResponse(1, 0x0704, 0 if dated or not fixes else 2)
    assert bool(told) == (len(dated) < len(fixes))


def test_a_registration_is_no_licence_to_speak() -> None:
    """A registered phone is refused until it authenticates, and told by its phone while it is unknown."""
    talk, told = session()
    talk.take(message(Register(51, 800, "M", "m", "1", 1, "x", 2019), PHONES[0], 0, 2019))
    assert talk.take(message(Location.of(AT, 32.4, 105.8), PHONES[0], 1, 2019)).rows == ()
    talk.take(message(Auth("x"), PHONES[2], 2, 2019))
    assert told == ["peer: message without authentication", f"peer, phone {PHONES[2]}: unknown terminal"]
