"""What a slave still owes, and how long it is waited for, as stories in seconds."""

from __future__ import annotations

from protocols.modbus.codec.frames import Frame, Shape
from protocols.modbus.driver.stale_replies import AGAIN, REMEMBERED, Late

TWO, ONE, WRITE = Shape(3, 2), Shape(3, 1), Shape(6, 7)


def read(registers: int) -> Frame:
    return Frame(1, 3, bytes([2 * registers]) + bytes(2 * registers), refused=False)


def refusal(function: int) -> Frame:
    return Frame(1, function, b"\x02", refused=True)


def owing(*shapes: Shape) -> Late:
    """Unit 1 was asked for these at 0, 1, 2 … s, and each was given up a second later."""
    late = Late(5.0)
    for at, shape in enumerate(shapes):
        late.given_up(1, shape, float(at), at + 1.0)
    return late


def still(late: Late) -> list[bool]:
    return [late.may_come(1, s, 4.0) for s in (TWO, ONE, WRITE)]


def test_only_the_shape_that_was_given_up_may_come() -> None:
    """Another length, another function and another slave are told apart."""
    late = owing(TWO)
    assert [late.may_come(1, s, 1.0) for s in (TWO, ONE, WRITE)] == [True, False, False]
    assert not late.may_come(2, TWO, 1.0)
    assert (late.owes(1), late.owes(2)) == (True, False)


def test_a_write_waits_for_an_older_one_by_the_same_function() -> None:
    """A late exception names no address: it may refuse one write as well as the other. Writes by another function are told apart."""
    late = owing(WRITE)
    assert [late.may_come(1, s, 1.0) for s in (WRITE, Shape(6, 8), Shape(16, 8), Shape(5, 7))] == [True, True, False, False]
    assert late.came(refusal(6), 1, 1.5)
    assert not late.may_come(1, Shape(6, 8), 2.0)


def test_a_settled_slave_owes_nothing() -> None:
    """An answer that could be none of the owed ones clears them all, since slaves answer in order."""
    late = owing(TWO, ONE, WRITE)
    late.settled(1)
    assert still(late) == [False, False, False]


def test_what_is_too_old_is_forgotten_but_each_new_debt_renews_the_old() -> None:
    """Five seconds after the last request that was given up, and not after the first."""
    late = Late(5.0)
    late.given_up(1, TWO, 0.0, 0.0)
    late.given_up(1, ONE, 4.0, 4.0)
    assert late.may_come(1, TWO, 8.0)
    assert not late.may_come(1, TWO, 9.1)
    assert not late.owes(1)


def test_what_comes_late_pays_its_own_debt_and_all_before_it() -> None:
    """Slaves answer in order: after the second answer the first will not come, the third may."""
    late = owing(TWO, ONE, WRITE)
    assert late.came(read(1), 1, 3.5)
    assert still(late) == [False, False, True]
    assert not late.came(read(1), 1, 3.6)


def test_a_refusal_pays_where_only_one_debt_can_have_been_meant() -> None:
    """An exception tells its function and no length: of two reads it may be either, and then nothing is past."""
    late = owing(TWO, ONE, WRITE)
    assert late.came(refusal(3), 1, 3.5)
    assert still(late) == [True, True, True]
    assert late.came(refusal(6), 1, 3.5)
    assert still(late) == [False, False, False]
    assert not late.came(refusal(6), 1, 3.6)


def test_a_slave_that_was_late_is_waited_for_longer() -> None:
    """A quarter longer than its latest answer took, three time-outs at most, for ten minutes, and not while it owes something."""
    late = owing(TWO)
    assert late.patience(1, 1.0, 1.2) == 1.0
    late.came(read(2), 1, 1.5)
    assert late.patience(1, 1.0, 2.0) == 1.5 * 1.25
    assert late.patience(2, 1.0, 2.0) == 1.0
    late.took(1, 2.8, 1.0, 5.0)
    assert late.patience(1, 1.0, 6.0) == 3.0
    late.given_up(1, TWO, 6.0, 9.0)
    assert late.patience(1, 1.0, 9.0) == 1.0
    late.settled(1)
    assert late.patience(1, 1.0, 10.0) == 3.0
    assert late.patience(1, 1.0, 5.0 + REMEMBERED) == 1.0


def test_a_slave_that_answers_is_tried_with_twice_its_time_out_once_a_minute() -> None:
    """Its first late answer finds the line silent. One that falls silent costs the others one time-out more, and a dead one nothing."""
    late = Late(5.0)
    assert late.patience(1, 1.0, 0.0) == 1.0
    late.took(1, 0.1, 1.0, 1.0)
    assert late.patience(1, 1.0, 2.0) == 2.0
    late.given_up(1, TWO, 2.0, 4.0)
    late.settled(1)
    assert late.patience(1, 1.0, 4.0 + 10 * AGAIN) == 1.0
    late.took(1, 0.1, 1.0, 10.0)
    assert late.patience(1, 1.0, 11.0) == 1.0
    late.given_up(1, TWO, 11.0, 12.0)
    late.settled(1)
    late.took(1, 0.1, 1.0, 13.0)
    assert [late.patience(1, 1.0, 4.0 + s) for s in (AGAIN - 1, AGAIN)] == [1.0, 2.0]


def test_who_is_later_than_anybody_is_waited_for_is_not_waited_for_at_all() -> None:
    """Waiting three time-outs for an answer that takes four would cost the others and bring nothing."""
    late = owing(TWO)
    late.came(read(2), 1, 4.0)
    assert late.patience(1, 1.0, 5.0) == 1.0
