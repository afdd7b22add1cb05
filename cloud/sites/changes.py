"""What changes when a site is entered: how the files differ from what was entered last, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Document = Mapping[str, Any]
"""A site as JSON."""
_UNTOLD = {"was", "headcount", "area", "since", "changes", "denominators"}
"""Fields that are told as what they bring about: a renamed id, dated rows."""
_TOLD = 200
"""Changes that the audit names one by one."""
_NAMES = {"compounds": "compound", "units": "unit", "gateways": "gateway", "buses": "bus", "devices": "device", "meters": "meter"}
"""Lists whose items have ids, and what one of them is called."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan.

    Attributes:
        done: What happens to it.
        what: Such as unit, meter, zones.
        id: Which one; empty for what the site has once.
        detail: Which field, old and new, in words.
    """

    done: Literal["added", "changed", "retired", "removed", "renamed", "recorded", "recounted"]
    what: str
    id: str
    detail: str = ""

    def __str__(self) -> str:
        """As `site plan` prints it."""
        return f"{self.done} {self.what} {self.id}".rstrip() + (f": {self.detail}" if self.detail else "")


def on_record(changes: Sequence[Change]) -> dict[str, object]:
    """Changes as the audit has them: the first ones in words, and how many more there were."""
    return {"changes": [str(change) for change in changes[:_TOLD]], "more": max(len(changes) - _TOLD, 0)}


def differences(old: Document, new: Document) -> Iterator[Change]:
    """How a site's document differs from the one before; ids that were renamed are replaced in the old one already."""
    for field, value in new.items():
        if field not in old or old[field] == value:
            continue
        if field in _NAMES:
            yield from items(_NAMES[field], old[field], value)
        else:
            yield Change("changed", field, "", _both(old[field], value))


def items(
    what: str, old: Sequence[Document], new: Sequence[Document], *, gone: Literal["retired", "removed"] = "retired"
) -> Iterator[Change]:
    """How things that have ids differ from those of before.

    Args:
        what: What one of them is called.
        old: As they were.
        new: As they are now.
        gone: What becomes of those that are there no more.
    """
    before, after = ({item["id"]: item for item in items} for items in (old, new))
    for name, item in after.items():
        if name not in before:
            yield Change("added", what, name)
            continue
        for field, value in item.items():
            if field in before[name] and before[name][field] != value and field not in _UNTOLD:
                yield Change("changed", what, name, f"{field} {_both(before[name][field], value)}")
    for name in before:
        if name not in after:
            yield Change(gone, what, name)


def _both(old: object, new: object) -> str:
    """Old and new where both fit a line, else the fields that differ."""
    texts = [json.dumps(value, ensure_ascii=False) for value in (old, new)]
    if max(map(len, texts)) <= 60:  # noqa: PLR2004 (fits a line)
        return f"{texts[0]} -> {texts[1]}"
    return ", ".join(name for name in new if old.get(name) != new[name]) if isinstance(old, dict) and isinstance(new, dict) else "changed"


def suspected(changes: Sequence[Change], old: Document, new: Document) -> Iterator[str]:
    """Units and meters that go while another of their kind comes that is much like them: were they renamed?"""
    for field, alike in (("units", _same_unit), ("meters", _same_meter)):
        what = _NAMES[field]
        gone = {c.id for c in changes if (c.done, c.what) == ("retired", what)}
        come = {c.id for c in changes if (c.done, c.what) == ("added", what)}
        for before in (item for item in old.get(field, ()) if item["id"] in gone):
            for after in (item for item in new[field] if item["id"] in come and alike(before, item)):
                yield f"{what} {before['id']} goes and {after['id']} comes: if it was renamed, write `was: {before['id']}` at {after['id']}"


def _same_unit(old: Document, new: Document) -> bool:
    """Of one name, or of as many people on as much area in one compound."""
    size = ("compound", "headcount", "area")
    return bool(old["name"] == new["name"] or all(old.get(f) == new.get(f) for f in size))


def _same_meter(old: Document, new: Document) -> bool:
    """Of one energy, and of one name, one device or both main in one compound."""
    same = {f for f in ("name", "device", "point", "main", "compound") if old.get(f) == new.get(f)}
    counter = old.get("device") is not None and {"device", "point"} <= same
    return bool(old["energy"] == new["energy"] and ("name" in same or counter or (new["main"] and {"main", "compound"} <= same)))
