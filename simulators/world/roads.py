"""A small road net around the site: places, and winding roads between them."""

from __future__ import annotations

import heapq
import math
from functools import lru_cache
from itertools import pairwise

_EARTH_KM = 6371.0
_GUANGYUAN = (32.4386, 105.8456)
PLACES: dict[str, tuple[float, float]] = {
    "office": _GUANGYUAN,
    "dongba": (32.4270, 105.8310),
    "rongshan": (32.4010, 106.0070),
    "dashi": (32.4720, 105.9080),
    "chaotian": (32.6440, 105.8920),
    "zhaohua": (32.3230, 105.9640),
    "baolun": (32.3810, 105.6420),
    "panlong": (32.3930, 105.7020),
    "jianmenguan": (32.2060, 105.5650),
    "jiange": (32.2880, 105.5250),
    "qingchuan": (32.5860, 105.2390),
    "wangcang": (32.2290, 106.2900),
    "cangxi": (31.7320, 105.9390),
    "mianyang": (31.4680, 104.6800),
}
"""(latitude, longitude), WGS-84 degrees."""
_ROADS = [
    ("office", "dongba"), ("office", "dashi"), ("office", "rongshan"), ("office", "chaotian"), ("office", "zhaohua"),
    ("dongba", "panlong"), ("panlong", "baolun"), ("baolun", "jiange"), ("jiange", "jianmenguan"), ("jiange", "qingchuan"),
    ("rongshan", "wangcang"), ("zhaohua", "cangxi"), ("jiange", "mianyang"),
]  # fmt: skip
_BENDS = 24

Line = list[tuple[float, float]]


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance in km of two (latitude, longitude) in degrees."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(h))


def course(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Direction of travel from a to b in degrees, 0 north, clockwise, below 360."""
    east = math.radians(b[1] - a[1]) * math.cos(math.radians(a[0]))
    return math.degrees(math.atan2(east, math.radians(b[0] - a[0]))) % 360.0


@lru_cache(maxsize=64)
def _road(a: str, b: str) -> tuple[tuple[float, float], ...]:
    """A winding line between two neighbours: sideways waves that vanish at both ends."""
    if a > b:
        return _road(b, a)[::-1]
    (lat1, lon1), (lat2, lon2) = PLACES[a], PLACES[b]
    points = []
    for i in range(_BENDS + 1):
        x = i / _BENDS
        side = 0.035 * math.sin(math.pi * x) * math.sin(2 * math.pi * 3 * x + len(a)) + 0.05 * math.sin(math.pi * x) * (-1) ** len(b)
        points.append((lat1 + (lat2 - lat1) * x + side * (lon2 - lon1), lon1 + (lon2 - lon1) * x - side * (lat2 - lat1)))
    return tuple(points)


def _length(line: Line) -> float:
    return sum(distance(a, b) for a, b in pairwise(line))


class Route:
    """The way from the office to a place, moved to where the site is."""

    def __init__(self, place: str, latitude: float, longitude: float) -> None:
        """Find the shortest way to one of `PLACES`; the site's coordinates in degrees."""
        names = _shortest(place)
        line = [PLACES[names[0]], *(p for a, b in pairwise(names) for p in _road(a, b)[1:])]
        north, east = latitude - _GUANGYUAN[0], longitude - _GUANGYUAN[1]
        self.line: Line = [(lat + north, lon + east) for lat, lon in line]
        self.at = [0.0]
        for a, b in pairwise(self.line):
            self.at.append(self.at[-1] + distance(a, b))

    @property
    def length(self) -> float:
        """One way, in km."""
        return self.at[-1]

    def position(self, km: float) -> tuple[float, float, float]:
        """(latitude, longitude, course away from the office) in degrees at a distance from the office."""
        km = min(max(km, 0.0), self.length)
        index = next((i for i in range(1, len(self.at)) if self.at[i] >= km), len(self.at) - 1)
        a, b = self.line[index - 1], self.line[index]
        share = (km - self.at[index - 1]) / (self.at[index] - self.at[index - 1])
        return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, course(a, b)


def _shortest(place: str) -> list[str]:
    """Dijkstra from the office."""
    queue: list[tuple[float, str, list[str]]] = [(0.0, "office", ["office"])]
    done: set[str] = set()
    while queue:
        km, here, way = heapq.heappop(queue)
        if here == place:
            return way
        if here in done:
            continue
        done.add(here)
        for a, b in (*_ROADS, *((b, a) for a, b in _ROADS)):
            if a == here:
                heapq.heappush(queue, (km + _length(list(_road(a, b))), b, [*way, b]))
    raise KeyError(place)
