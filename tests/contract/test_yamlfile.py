"""What YAML 1.1 reads otherwise than a person writes it is refused where it stands; what both read alike is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from contract import yamlfile
from contract.profile import FIRMWARE_CONFIGS


class Bit(yamlfile.Strict):
    """Something with a number, a text and a flag."""

    number: float = 0.0
    whole: int = 0
    text: str = ""
    flag: bool = False
    many: list[int] = Field([])
    names: dict[int, str] = Field({})
    inner: list[Bit] = Field([])


def read(folder: Path, text: str) -> Bit:
    path = folder / "bit.yaml"
    path.write_text(text, encoding="utf-8")
    return yamlfile.load(Bit, path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("text: a\nwhole: 011\n", '2: whole: expected 11, or "011" in quotes for a text; YAML reads 011 as octal, 9'),
        ("whole: 0010\n", '1: whole: expected 10, or "0010" in quotes for a text; YAML reads 0010 as octal, 8'),
        ("whole: 0_17\n", '1: whole: expected 17, or "0_17" in quotes for a text; YAML reads 0_17 as octal, 15'),
        ("whole: -011\n", '1: whole: expected -11, or "-011" in quotes for a text; YAML reads -011 as octal, -9'),
        ("many: [1,\n 2,\n 07]\n", '3: many.2: expected 7, or "07" in quotes for a text; YAML reads 07 as octal, 7'),
        ("inner: [{whole: 1},\n {whole: 010}]\n", '2: inner.1.whole: expected 10, or "010" in quotes'),
        ("text: 0139\ninner: [{text: 012}]\n", '2: inner.0.text: expected 12, or "012" in quotes for a text'),
        ("number: 1:30\n", '1: number: expected a number, or "1:30" in quotes for a text; YAML reads 1:30 to the base 60'),
        ("text: 12:30\n", '1: text: expected a number, or "12:30" in quotes for a text; YAML reads 12:30 to the base 60'),
        ("number: 1:30.5\n", '1: number: expected a number, or "1:30.5" in quotes'),
        ("whole: 0o17\n", "1: whole: Input should be a valid integer, unable to parse string as an integer, got '0o17'"),
        ("whole: yes\n", "1: whole: expected a number or a text, not yes or no, got True; YAML reads yes as yes or no, a text stands"),
        ("number: on\n", "1: number: expected a number or a text, not yes or no, got True"),
        ("whole: true\n", "1: whole: expected a number or a text, not yes or no, got True"),
        ("many: [1, no]\n", "1: many: expected a number or a text, not yes or no, got [1, False]"),
        ("names:\n 0: off\n", "1: names: expected a number or a text, not yes or no, got {0: False}"),
        (
            "text: off\n",
            "1: text: expected a number or a text, not yes or no, got False; YAML reads off as yes or no, a text stands in quotes",
        ),
        ("text: 510802\n", "1: text: Input should be a valid string, got 510802; YAML reads 510802 as a number, a text stands in quotes"),
        ("number: .nan\n", "1: number: Input should be a finite number, got nan"),
        ("number: .inf\n", "1: number: Input should be a finite number, got inf"),
        ("whole: 1\nnames:\n  on: x\n", '3: names.on: expected a name before the colon; YAML reads on as yes or no, write "on" in quotes'),
        ("whole: 1\nno: 1\n", '2: no: expected a name before the colon; YAML reads no as yes or no, write "no" in quotes'),
        ("whole: 1\n~: 1\n", '2: ~: expected a name before the colon; YAML reads ~ as nothing, write "~" in quotes'),
        ("whole: 1\n? [a]\n: 1\n", "expected a name before the colon"),
    ],
)
def test_what_yaml_misreads_is_refused_at_its_place(tmp_path: Path, text: str, fault: str) -> None:
    """Octal and sexagesimal numbers, yes and no where a number stands, and names that are no names: file, line and field."""
    with pytest.raises(yamlfile.ConfigError) as caught:
        read(tmp_path, text)
    assert f"{tmp_path}/bit.yaml:{fault}" in str(caught.value) or fault in str(caught.value).split(": ", 1)[1]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("whole: 0x0010", Bit(whole=16)),
        ("whole: 1_000", Bit(whole=1000)),
        ("whole: 0", Bit(whole=0)),
        ("number: 0.5", Bit(number=0.5)),
        ("number: 00.5", Bit(number=0.5)),
        ("number: 1e3", Bit(number=1000.0)),
        ("text: '011'", Bit(text="011")),
        ("text: 07:30", Bit(text="07:30")),
        ("flag: yes", Bit(flag=True)),
        ("inner: [{flag: off}]", Bit(inner=[Bit(flag=False)])),
        ('names: {0: "off"}', Bit(names={0: "off"})),
        ("text: 2026-03-01", Bit(text="2026-03-01")),
    ],
)
def test_what_everybody_reads_alike_is_taken(tmp_path: Path, text: str, expected: Bit) -> None:
    """Hexadecimal addresses as manuals print them, thousands, quoted texts, and yes where a yes is asked for."""
    assert read(tmp_path, text) == expected


def test_all_misread_numbers_are_told_at_once(tmp_path: Path) -> None:
    """A line for each, so that a file is not mended one start at a time."""
    with pytest.raises(yamlfile.ConfigError) as caught:
        read(tmp_path, "whole: 011\nmany: [1, 010]\n")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["whole", "many.1"]


def test_a_file_with_secrets_shows_no_number(tmp_path: Path) -> None:
    """A password of digits with a leading 0 is not printed."""
    path = tmp_path / "secret.yaml"
    path.write_text("text: 0716253461\n", encoding="utf-8")
    with pytest.raises(yamlfile.ConfigError, match=r"secret.yaml:1: text: expected a plain name or number") as caught:
        yamlfile.load(Bit, path, secret=True)
    assert "716253" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"whole: 1\nnumber: 2\ntext: x\x00y\nflag: on\n", "3: expected a text without control characters, got U+0000"),
        (b"whole: 1\r\ntext: \x07\r\n", "2: expected a text without control characters, got U+0007"),
        (b'whole: 1\ninner: []\ntext: "\\uD83D"\nflag: on\n', "3: text: expected whole characters; \\uD83D is half of one"),
        (b'whole: 1\ninner:\n  - "a\\uDC00": 1\n', "3: inner.0.a\\udc00: expected whole characters; \\uDC00 is half of one"),
    ],
)
def test_a_sign_that_no_file_holds_is_refused_in_one_line(tmp_path: Path, raw: bytes, fault: str) -> None:
    """With the line where it stands; it was two lines without one, or the wrong one."""
    (tmp_path / "bit.yaml").write_bytes(raw)
    assert refusal(tmp_path / "bit.yaml") == f"{tmp_path}/bit.yaml:{fault}"


def bomb(levels: int) -> str:
    aliases = [f"b{level}: &b{level} [{', '.join([f'*b{level - 1}'] * 9)}]\n" for level in range(1, levels)]
    return "b0: &b0 [x, x, x, x, x, x, x, x, x]\n" + "".join(aliases)


def test_aliases_that_make_far_too_much_of_a_file_are_refused(tmp_path: Path) -> None:
    """Ten lines were a thousand million parts; a few lists that stand in many places are as good as before."""
    (tmp_path / "bit.yaml").write_text(bomb(9), encoding="utf-8")
    expected = "9: b8: expected aliases that make at most 10 times as much of the file as stands there"
    assert refusal(tmp_path / "bit.yaml") == f"{tmp_path}/bit.yaml:{expected}"
    often = read(tmp_path, "inner: [{many: &a [1, 2]}, " + "{many: *a}, " * 5000 + "]")
    assert [bit.many for bit in often.inner[-2:]] == [[1, 2], [1, 2]]


def test_an_alias_that_holds_itself_is_refused(tmp_path: Path) -> None:
    """Looking for numbers ends."""
    with pytest.raises(yamlfile.ConfigError, match=r"bit.yaml:1: inner.0: expected no alias of what it stands in"):
        read(tmp_path, "inner: &a [*a]\n")


@given(st.integers(0, 10**12), st.integers(0, 3))
def test_a_whole_number_is_read_as_it_is_written(number: int, zeros: int) -> None:
    """Either a number is the decimal that stands there, or it is refused; never another number."""
    written = "0" * zeros + str(number)
    refused = list(yamlfile._odd(written)) if set(written) <= set("01234567") else []
    loader = yamlfile._Loader(f"a: {written}")
    value = loader.get_single_data()["a"]
    assert refused or int(value) == number


@pytest.mark.parametrize(
    ("name", "hint"),
    [("enery_import", "; nearest are energy_import, energy_export"), ("volt", "; nearest is volume"), ("zzz", "")],
)
def test_the_nearest_names_are_suggested(name: str, hint: str) -> None:
    """At most three, best first; none where nothing is alike."""
    assert yamlfile.nearest(name, ["energy_import", "energy_export", "volume", "power"]) == hint


ODD = [
    "!!int ''",
    "!!bool x",
    "!!float ''",
    "{[a]: b}",
    "? {a: b}\n: c",
    "!!set {a}",
    "!!timestamp x",
    "&a {*a : 1}",
    "[" * 2000,
    "1" * 5000,
    "0" * 5000,
]


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.sampled_from(ODD),
        st.text(),
        st.text(alphabet="ab:-?{}[],&*!|>'\"%@ \n\t01.#"),
        st.binary().map(lambda raw: raw.decode("latin-1")),
    )
)
def test_whatever_stands_in_a_file_is_taken_or_refused_in_lines(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No text makes more than a fault with the file's name; a traceback helps nobody."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    for whole in (text, f"text: {text}", f"many: [{text}"):
        path.write_text(whole, encoding="utf-8", errors="surrogateescape")
        assert refusal(path).startswith(str(path))


@pytest.mark.parametrize("shape", ["{}", "text: {}", "many: [{}]", "{{a: {}}}"])
@given(text=st.text(alphabet="ab:-?{}[],&*!|>'\"%@ \n\t01.#\\\ufeff", max_size=20))
def test_a_file_is_read_alike_with_libyaml_and_without(tmp_path_factory: pytest.TempPathFactory, shape: str, text: str) -> None:
    """One machine takes no file that another refuses, reads nothing else in it, and says the same of what is wrong."""
    path = tmp_path_factory.getbasetemp() / "alike.yaml"
    path.write_text(shape.format(text), encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        told = whole(path)
        patch.setattr(yaml, "__with_libyaml__", False)
        assert whole(path) == told


def test_shipped_files_are_read_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them has what the two read differently, and each is the same by both."""
    paths = [path for path in FIRMWARE_CONFIGS.rglob("*.yaml") if not yamlfile._READ_DIFFERENTLY.search(path.read_text(encoding="utf-8"))]
    assert paths == list(FIRMWARE_CONFIGS.rglob("*.yaml"))
    told = [whole(path) for path in paths]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert [whole(path) for path in paths] == told


def whole(path: Path) -> str:
    """All that a file says, or what it is refused with."""
    try:
        return repr(yamlfile.Document(path).data)
    except yamlfile.ConfigError as error:
        return str(error)


def refusal(path: Path) -> str:
    """What a file is refused with; its name where it is taken."""
    try:
        yamlfile.load(Bit, path)
    except yamlfile.ConfigError as error:
        return str(error)
    return str(path)
