from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger.spread import split

TOTALS = st.integers(-(2**63), 2**63)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=60)


@given(TOTALS, WEIGHTS)
def test_parts_sum_to_the_whole(total: int, weights: list[int]) -> None:
    """Nothing is lost or made by splitting."""
    parts = split(total, weights)
    assert sum(parts) == total
    assert len(parts) == len(weights)


@given(TOTALS, WEIGHTS.filter(any))
def test_each_part_is_within_one_of_its_share(total: int, weights: list[int]) -> None:
    """A part is its exact share rounded down or up, and a weight of 0 gets nothing."""
    for part, weight in zip(split(total, weights), weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or len(weights) == 1 or part == 0


@given(st.integers(0, 10**12), WEIGHTS)
def test_a_split_is_always_the_same_and_mirrors(total: int, weights: list[int]) -> None:
    """The same arguments give the same parts, and the opposite total the opposite parts."""
    assert split(total, weights) == split(total, list(weights)) == [-part for part in split(-total, weights)]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (7, [0, 0], [4, 3]),
        (100, [50, 30, 19], [51, 30, 19]),
        (5, [3, 3, 3, 1], [2, 2, 1, 0]),
        (0, [1, 2], [0, 0]),
    ],
)
def test_known_splits(total: int, weights: list[int], parts: list[int]) -> None:
    """Of equal remainders the earliest gets the unit left over."""
    assert split(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_weights_that_mean_nothing_are_refused(weights: list[int]) -> None:
    """No weights, or negative ones, are an error of the caller."""
    with pytest.raises(ValueError, match="weights"):
        split(1, weights)
