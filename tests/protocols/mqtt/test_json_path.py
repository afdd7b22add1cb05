"""Paths into JSON: what they find, what devices would write, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.mqtt import json_path
from protocols.mqtt.json_path import parse, placed, records, value

METERS: list[object] = [
    {"sn": "A17", "d": [{"m": "Ua", "v": 229.9}, {"m": "kWh", "v": 1234.5}], "phases": [1.5, 2.5], "energy.import": 3},
    {"sn": 18, "d": [], "empty": None},
]
GATEWAY = {"ts": 7, "meters": METERS, "0": "zero"}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ts", 7), ("meters.0.sn", "A17"), ("meters.1.sn", 18), ("meters.0.phases.1", 2.5), ("meters.0.d.#(m=kWh).v", 1234.5),
        ("meters.#(sn=A17).d.#(m=Ua).v", 229.9), ("meters.#(sn=18).sn", 18), (r"meters.0.energy\.import", 3), ("0", "zero"), ("$.ts", 7),
        ("meters.2.sn", None), ("meters.#(sn=B).sn", None), ("meters.0.energy.import", None), ("ts.x", None), ("meters.-1", None),
        ("meters.#(d.0.v=229.9).sn", "A17"),
    ],
)  # fmt: skip
def test_a_path_finds_what_it_says(path: str, found: object) -> None:
    """Keys, places, an element by one of its fields, a key with a dot in it; what is not there is None."""
    assert value(parse(path), GATEWAY, GATEWAY) == found


def test_the_document_itself_and_the_whole_message() -> None:
    """`$` alone is a bare number; in front it leaves the record."""
    assert value(parse("$"), None, 23.5) == 23.5
    assert value(parse("$.ts"), {"ts": 1}, {"ts": 2}) == 2
    assert value(parse("ts"), {"ts": 1}, {"ts": 2}) == 1


def test_records_are_each_element_with_its_name() -> None:
    """Of an array by place, of an object by key, of arrays in an array by the inner place."""
    assert list(records(parse("meters.*"), GATEWAY)) == [("0", METERS[0]), ("1", METERS[1])]
    assert list(records(parse("$.*"), {"A": {"v": 1}, "B": {"v": 2}})) == [("A", {"v": 1}), ("B", {"v": 2})]
    assert list(records(parse("*"), [[1, 2], [3]])) == [("0", [1, 2]), ("1", [3])]
    assert list(records(parse("*.*"), [[1, 2], [3]])) == [("0", 1), ("1", 2), ("0", 3)]
    assert list(records(parse("body.meter"), {"body": {"meter": 1}})) == [("", 1)]
    assert list(records(parse("meters.*"), [])) == []


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a.#(b", "a.#(=c)", "#()", "a.#(b=c)d", "a" + ".a" * 40])
def test_what_is_no_path_is_refused(path: str) -> None:
    """In words that say what was expected."""
    with pytest.raises(ValueError, match="expected"):
        parse(path)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).filter(lambda key: key not in {"*", "$"})


@given(st.lists(KEYS, min_size=1, max_size=5), st.floats(allow_nan=False))
def test_what_is_placed_is_found(keys: list[str], number: float) -> None:
    """Any keys, with dots, hashes and backslashes in them."""
    path = parse(".".join(key.replace("\\", "\\\\").replace(".", "\\.").replace("#", "\\#").replace("$", "\\$") for key in keys))
    steps = tuple(keys)
    assert path.steps == steps
    if any(key.isdigit() for key in keys):
        return  # a place; the next test
    assert value(path, placed(path.steps, None, number), None) == number


def test_several_values_are_placed_beside_each_other() -> None:
    """Arrays grow, elements that are picked are made once, and a value in the way is told."""
    document: object = None
    for path, number in (("a.0.v", 1), ("a.2.v", 2), ("d.#(m=Ua).v", 3), ("d.#(m=Ub).v", 4), ("d.#(m=Ua).w", 5)):
        document = placed(parse(path).steps, document, number)
    assert document == {"a": [{"v": 1}, None, {"v": 2}], "d": [{"m": "Ua", "v": 3, "w": 5}, {"m": "Ub", "v": 4}]}
    with pytest.raises(ValueError, match="stand in a value"):
        placed(parse("a.x").steps, {"a": 1}, 2)


STEPS = st.sampled_from(["$", "*", "0", "1", "#(sn=A17)", "#(m=kWh)", "#(sn=no)", "meters", "sn", "d", "v", "phases", "ts", "no"])


@given(st.text(max_size=30) | st.lists(STEPS, max_size=5).map(".".join))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """And a path that is one may be walked through anything: the value at it is that of the first record."""
    try:
        path = parse(text)
    except ValueError:
        return
    assert value(path, GATEWAY, GATEWAY) == next((record for _, record in records(path, GATEWAY)), None)


@pytest.mark.parametrize(
    ("found", "text"), [("A", "A"), (" 7 ", "7"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (True, None), (None, None), ([], None)]
)
def test_a_name_is_a_text_or_a_number(found: object, text: str | None) -> None:
    """Meters number themselves with and without quotes."""
    assert json_path.text(found) == text
