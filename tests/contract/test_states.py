"""A state is what its number means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.point import POINTS, Kind
from contract.profile import load_profile, profile_names
from contract.states import is_on, is_set, is_wrong, meaning, runs
from protocols.modbus.model import Point, Profile

NAMES = st.dictionaries(st.integers(0, 0xFFFF), st.sampled_from(["off", "on", "standby", "none", "fan"]), min_size=1)


def profile(values: dict[int, str] | None) -> Profile:
    on, ignition = (Point(address=number, values=values) for number in range(2))
    return Profile(**{"class": "hvac"}, maker="a", model="b", protocol="modbus", sources=["c"], points={"on": on, "ignition": ignition})


@given(names=NAMES, raw=st.integers(-(2**31), 2**31))
def test_only_a_number_that_has_a_name_means_anything(names: dict[int, str], raw: int) -> None:
    """Whatever numbers a maker chose, the name decides, and a number without a name is unknown, however large."""
    model = profile(names)
    for number, name in names.items():
        assert meaning(model, "on", float(number)) == name
    if raw not in names:
        assert meaning(model, "on", float(raw)) is None
        assert is_on(meaning(model, "on", float(raw))) is None


@pytest.mark.parametrize("value", [None, 0.5, -0.25, float("nan"), float("inf")])
def test_what_is_no_whole_number_is_no_state(value: float | None) -> None:
    """0.5 is not off."""
    assert meaning(profile({0: "off", 1: "on"}), "on", value) is None


def test_a_standard_names_what_no_profile_does() -> None:
    """JT/T 808's bits mean the same on every car; a profile that names them otherwise is believed."""
    assert [meaning(None, "ignition", raw) for raw in (0.0, 1.0, 2.0)] == ["off", "on", None]
    assert meaning(profile(None), "ignition", 1.0) == "on"
    assert meaning(profile({1: "off"}), "ignition", 1.0) == "off"
    assert meaning(profile({1: "off"}), "ignition", 0.0) is None
    assert meaning(None, "on", 1.0) is None
    assert meaning(None, "no such point", 1.0) is None


@pytest.mark.parametrize(
    ("value", "found"), [(1.0, True), (0.0, False), (-0.0, False), (2.0, None), (0.5, None), (float("nan"), None), (None, None)]
)
def test_a_flag_is_its_number(value: float | None, found: bool | None) -> None:  # noqa: FBT001 (a case)
    """Any other number says nothing."""
    assert is_set(value) is found


@pytest.mark.parametrize(
    ("name", "on"),
    [("on", True), ("Running", True), ("off", False), ("STOPPED", False), ("standby", None), ("", None), (None, None)],
)
def test_a_name_says_whether_something_runs(name: str | None, on: bool | None) -> None:  # noqa: FBT001 (a case)
    """Words that say neither are neither."""
    assert is_on(name) is on


@pytest.mark.parametrize(("value", "found"), [(1.0, True), (0.0, False), (2.0, None), (None, None)])
def test_a_flag_runs_by_its_number_whatever_a_profile_calls_it(value: float | None, found: bool | None) -> None:  # noqa: FBT001 (a case)
    """The engine of a car whose profile names the bit in Chinese runs; a switch that is no flag goes by its name."""
    flagged = load_profile("vehicle/jtt808-terminal")
    point = flagged.points["ignition"].model_copy(update={"values": {0: "停", 1: "行"}})
    chinese = flagged.model_copy(update={"points": {**flagged.points, "ignition": point}})
    assert point.flag is not None
    assert runs(chinese, "ignition", value) is found
    assert runs(profile({0: "on", 1: "off"}), "on", 1.0) is False


@pytest.mark.parametrize(
    ("name", "wrong"), [("none", False), ("Normal", False), ("auto", False), ("fire", True), ("door", True), (None, None)]
)
def test_a_name_says_whether_something_is_wrong(name: str | None, wrong: bool | None) -> None:  # noqa: FBT001 (a case)
    """A fault that has a name is one; a number without a name is neither a fault nor none."""
    assert is_wrong(name) is wrong


def test_the_shipped_profiles_use_words_that_are_judged() -> None:
    """Every switch says on and off, every fault register has a state without fault, and only states have names."""
    for model in map(load_profile, profile_names()):
        for name, point in model.points.items():
            words = set((point.values or {}).values())
            if name in {"on", "lights", "screen", "ignition"}:
                assert {is_on(word) for word in words} == {True, False}, (model.model, name)
            if name == "fault":
                assert False in {is_wrong(word) for word in words}, model.model
            assert not words or POINTS[name].kind is Kind.STATE, (model.model, name)
