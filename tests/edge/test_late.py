"""What a slave still owes, as a story in seconds."""

from __future__ import annotations

from edge.drivers.late import Late, Shape

TWO, ONE, WRITE = Shape(3, 2), Shape(3, 1), Shape(6, 7)


def test_only_the_shape_that_was_given_up_may_come() -> None:
    """Another length, another function and another slave are told apart."""
    late = Late(5.0)
    late.given_up(1, TWO, 0.0)
    assert [late.may_come(1, s, 1.0) for s in (TWO, ONE, WRITE)] == [True, False, False]
    assert not late.may_come(2, TWO, 1.0)
    assert (late.owes(1), late.owes(2)) == (True, False)


def test_a_settled_slave_owes_nothing() -> None:
    """An answer that could be none of the owed ones clears them all, since slaves answer in order."""
    late = Late(5.0)
    for shape in (TWO, ONE, WRITE):
        late.given_up(1, shape, 0.0)
    late.settled(1)
    assert not any(late.may_come(1, s, 1.0) for s in (TWO, ONE, WRITE))


def test_what_is_too_old_is_forgotten_but_each_new_debt_renews_the_old() -> None:
    """Five seconds after the last request that was given up, and not after the first."""
    late = Late(5.0)
    late.given_up(1, TWO, 0.0)
    late.given_up(1, ONE, 4.0)
    assert late.may_come(1, TWO, 8.0)
    assert not late.may_come(1, TWO, 9.1)
    assert not late.owes(1)
