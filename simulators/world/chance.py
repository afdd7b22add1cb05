"""Chance without state: the same seed, key and index give the same number, in any order and in any process."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BYTES = 8
_SPREAD = 1 << 8 * _BYTES


@lru_cache(maxsize=65536)
def key(seed: int, *parts: str | int) -> int:
    """64 bits for a thing that needs its own chance."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=_BYTES).digest(), "big")


def draw(seed: int, *parts: str | int) -> float:
    """One number in [0, 1)."""
    return key(seed, *parts) / _SPREAD


class Lot:
    """`draw` for one thing that draws again and again: what all its keys begin with is hashed once, and nothing is remembered."""

    def __init__(self, seed: int, *parts: str | int) -> None:
        """Hash what all keys begin with."""
        self._begun = hashlib.blake2b("".join(f"{part}/" for part in (seed, *parts)).encode(), digest_size=_BYTES)

    def draw(self, *parts: str | int) -> float:
        """The number in [0, 1) that `draw` gives for all parts together."""
        hashed = self._begun.copy()
        hashed.update("/".join(map(str, parts)).encode())
        return int.from_bytes(hashed.digest(), "big") / _SPREAD


def draws(of: int, index: NDArray[np.int64]) -> Floats:
    """A number in [0, 1) for each index (splitmix64), for the 64 bits that `key` gave."""
    with np.errstate(over="ignore"):
        z = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(of)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def smooth(of: int, at: Floats) -> Floats:
    """Noise in [-1, 1] that is a number of its own at each whole `at` and glides between them."""
    floor = np.floor(at)
    left, share = floor.astype(np.int64), at - floor
    share = share * share * (3 - 2 * share)
    return (1 - share) * (2 * draws(of, left) - 1) + share * (2 * draws(of, left + 1) - 1)
