"""Splitting a whole number over weights so that the parts are whole numbers too and sum to it exactly."""

from __future__ import annotations

from collections.abc import Sequence


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in parts as near to the weights' shares as whole numbers allow (largest remainder, Hare quota).

    Every part is its exact share rounded down or up, so none is off by one unit or more. What rounding down leaves over
    goes to the largest remainders, of equal ones to the earliest; the answer depends on nothing but the arguments.
    A negative total is split like its opposite. Weights that are all 0 say nothing, so the parts are then equal.

    Raises:
        ValueError: No weights at all, or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError(f"expected weights of at least 0, got {list(weights)[:5]}")
    if len(weights) == 1:
        return [total]
    if total < 0:
        return [-part for part in split(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        return split(total, [1] * len(weights))
    shares = [divmod(total * weight, whole) for weight in weights]
    parts = [floor for floor, _ in shares]
    left = total - sum(parts)
    for index in sorted(range(len(shares)), key=lambda i: -shares[i][1])[:left]:
        parts[index] += 1
    return parts
