from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from contract.clock import LATEST, iso, parse_time


@given(st.integers(-LATEST, 3 * LATEST))
@example(2_193_528_273_693)
@example(8_978_487_839_161)
def test_a_time_comes_back_from_its_text_to_the_millisecond(at: int) -> None:
    """Seconds since 1970 as a float do not hold every millisecond from 2038 on, so no time goes through one."""
    assert parse_time(iso(at)) == at
