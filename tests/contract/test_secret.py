from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.secret import SecretError, named_secret, read_secret

SIGNS = st.characters(codec="utf-8", exclude_characters="\ufeff", exclude_categories=("Cs", "Zs", "Zl", "Zp", "Cc"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secret") / "password"


@given(text=st.text(SIGNS, min_size=1), end=st.sampled_from(["", "\n", "\r\n"]))
@pytest.mark.parametrize(("mark", "encoding"), [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (b"", "utf-16")])
def test_a_mark_and_the_end_of_the_line_are_no_part_of_a_secret(mark: bytes, encoding: str, text: str, end: str, file: Path) -> None:
    """What an editor on any system saves is the password that was typed (H8)."""
    file.write_bytes(mark + (text + end).encode(encoding))
    assert read_secret(file) == text


def test_what_is_no_text_is_refused_without_being_shown(file: Path) -> None:
    """The place of the byte, not the byte."""
    file.write_bytes(b"s\xe9cret")
    with pytest.raises(SecretError, match=r"^not UTF-8 at byte 1$"):
        read_secret(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected one line, got none"),
        (b" \r\n\n", "expected one line, got none"),
        (codecs.BOM_UTF8, "expected one line, got none"),
        (b"secret\nold\n", "expected one line, got 2"),
        ("secret\r\n\r\nold\r\n".encode("utf-16"), "expected one line, got 2"),
    ],
)
def test_a_file_that_holds_no_single_line_is_refused(content: bytes, said: str, file: Path) -> None:
    """An empty password, or one with a line feed in it, is none that anybody typed; blank lines around one do not count."""
    file.write_bytes(content)
    with pytest.raises(SecretError) as caught:
        read_secret(file)
    assert str(caught.value) == said
    with pytest.raises(SecretError) as caught:
        named_secret(file)
    assert str(caught.value) == f"{file}: cannot be read: {said}"
    file.write_bytes(b"\n  secret \n \n")
    assert read_secret(file) == "secret"
