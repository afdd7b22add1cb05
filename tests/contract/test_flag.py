"""Points that are a bit of another one's number: what a profile may say of them, and what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import yamlfile
from contract.flag import Flag, add_flags
from contract.profile import Profile, load_profile

HEAD = "maker: M\nmodel: X\nclass: vehicle\nprotocol: mqtt\nsources: [a book]\npoints:\n"
ALARM = "  emergency_alarm: {flag: {of: alarms, bit: 0}}\n"
WORD = "  alarms: {path: a}\n"


def loaded(folder: Path, text: str) -> Profile:
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return yamlfile.load(Profile, path)


@given(st.integers(0, 2**32 - 1), st.integers(0, 31))
def test_a_point_is_its_bit_of_the_number(word: int, bit: int) -> None:
    """1 where it is set, else 0, whatever the others are."""
    values = {"alarms": float(word)}
    add_flags({"emergency_alarm": Flag(of="alarms", bit=bit)}, values)
    assert values == {"alarms": float(word), "emergency_alarm": float(f"{word:032b}"[31 - bit])}


@pytest.mark.parametrize("values", [{}, {"status": 1.0}, {"alarms": 0.5}, {"alarms": float("nan")}, {"alarms": float("inf")}])
def test_without_a_whole_number_there_is_no_bit(values: dict[str, float]) -> None:
    """Absent stays absent: it is no 0."""
    before = dict(values)
    add_flags({"emergency_alarm": Flag(of="alarms", bit=0)}, values)
    assert list(values) == list(before)


def test_what_a_device_says_itself_stays() -> None:
    """The bit is no better than the point that came."""
    values = {"alarms": 1.0, "emergency_alarm": 0.0}
    add_flags({"emergency_alarm": Flag(of="alarms", bit=0)}, values)
    assert values["emergency_alarm"] == 0.0


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD + ALARM, ":7: points.emergency_alarm.flag.of: expected a point of this profile that is no bit of another, got 'alarms'"),
        (HEAD + WORD + ALARM.replace("alarms", "emergency_alarm"), "expected a point of this profile that is no bit of another"),
        (HEAD + WORD + ALARM.replace("0", "53"), "points.emergency_alarm.flag.bit: Input should be less than or equal to 52"),
        (HEAD + WORD + ALARM.replace("0}}", "0}, writable: true, values: {0: a}}"), "expected a point without flag"),
        (
            (HEAD + WORD + ALARM).replace("mqtt", "modbus").replace("path: a", "address: 1").replace("{flag", "{address: 2, flag"),
            "points.emergency_alarm.flag: expected none: a bit of a register is read with a mask",
        ),
    ],
)
def test_a_bit_of_nothing_is_refused_at_its_line(text: str, fault: str, tmp_path: Path) -> None:
    """Its word is another point of the profile; nobody can write a bit alone."""
    with pytest.raises(yamlfile.ConfigError) as told:
        loaded(tmp_path, text)
    assert fault in str(told.value)


def test_a_profile_that_knows_the_words_alone_gets_the_standard_s_bits(tmp_path: Path) -> None:
    """One from before they were points raises the same alarms; what a profile says itself of a bit, holds."""
    before = HEAD.replace("mqtt", "jt808") + "  alarms: {type: uint32}\n  status: {type: uint32}\n"
    assert loaded(tmp_path, before).flags == load_profile("vehicle/jtt808-terminal").flags
    own = loaded(tmp_path, before + ALARM.replace("0", "16"))
    assert own.flags["emergency_alarm"] == Flag(of="alarms", bit=16)
    assert own.flags["overspeed_alarm"] == Flag(of="alarms", bit=1)
    assert not loaded(tmp_path, HEAD.replace("mqtt", "jt808") + "  speed: {unit: km/h}\n").flags


def test_a_profile_of_emqx_s_gateway_is_one_also_if_it_says_so_by_its_maker_alone(tmp_path: Path) -> None:
    """That was the only way before `messages`; the maker says nothing where the profile has it."""
    before = HEAD.replace("maker: M", "maker: EMQX") + WORD
    gateway = loaded(tmp_path, before)
    assert (getattr(gateway, "messages", ""), list(gateway.flags)) == ("emqx_jt808", ["emergency_alarm", "overspeed_alarm"])
    plain = loaded(tmp_path, before.replace("protocol", "messages: json\nprotocol"))
    assert (getattr(plain, "messages", ""), plain.flags) == ("json", gateway.flags)


def test_a_vehicle_that_sends_json_with_the_alarm_word_gets_the_standard_s_bits(tmp_path: Path) -> None:
    """`alarms` is JT/T 808's word by its definition, however it comes; a word of status alone, and another class, get nothing."""
    both = loaded(tmp_path, HEAD + WORD + "  status: {path: s}\n")
    assert both.flags == load_profile("vehicle/jtt808-terminal").flags
    alone = loaded(tmp_path, HEAD + WORD)
    assert alone.flags == {"emergency_alarm": Flag(of="alarms", bit=0), "overspeed_alarm": Flag(of="alarms", bit=1)}
    own = loaded(tmp_path, HEAD + WORD + "  emergency_alarm: {path: sos}\n")
    assert list(own.flags) == ["overspeed_alarm"]
    assert loaded(tmp_path, HEAD + "  status: {path: s}\n").flags == {}
    assert loaded(tmp_path, HEAD.replace("vehicle", "elevator") + WORD).flags == {}
