from __future__ import annotations

from decimal import Decimal

import pytest

from contract.decimals import decimal


@pytest.mark.parametrize(
    ("text", "value"), [("0", "0"), ("12", "12"), ("-90.5", "-90.5"), ("+1.50", "1.50"), (".5", "0.5"), ("5.", "5"), ("007", "7")]
)
def test_a_number_is_read_as_it_is_written(text: str, value: str) -> None:
    """Digits, a sign and a point; nothing is rounded."""
    assert str(decimal(text)) == str(Decimal(value))


@pytest.mark.parametrize(
    "text", ["", " 1", "\uff11\uff12", "1_0", "4.5e3", "1,5", "1 000", "nan", "inf", "0x1F", "--1", ".", "1.2.3", "\u22121"]
)
def test_what_only_a_program_would_write_is_no_number(text: str) -> None:
    """Whoever typed it may have meant something else, so what was expected is said."""
    with pytest.raises(ValueError, match=r"^expected a number such as 1234\.5, got ") as caught:
        decimal(text)
    assert str(caught.value).endswith(f"got {text!r}")


def test_a_number_without_end_is_refused() -> None:
    """No amount has so many digits, and no line has room for them."""
    with pytest.raises(ValueError, match=r"^expected a number of at most 40 characters, got 41$"):
        decimal("9" * 41)
