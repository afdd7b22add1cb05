"""What routes answer: the stable interface, field by field. Times are RFC 3339 in UTC, figures are JSON numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud.indicators.model import Param
from cloud.organisations.tree import Kind


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Health(_Shape):
    """`status` is "ok", or what the service waits for."""

    status: str
    now: str
    year: int


class Alive(_Shape):
    """That the service gets on with its work."""

    status: str


class Latest(_Shape):
    """The newest reading of a point by time of measurement."""

    device: str
    point: str
    value: float | None
    unit: str
    quality: str
    at: str
    received_at: str


class Device(_Shape):
    """A device; `class` is its device class and `points` are the names of what it measures or may measure."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True)

    id: str
    device_class: Annotated[str, Field(alias="class")]
    site: str
    gateway: str
    online: bool
    last_seen: str | None
    """Time of the newest good reading."""
    points: list[str]


class Node(_Shape):
    """A Sparkplug edge node; `stores` = it keeps its readings until they are acknowledged, `known_group` = a site has its group.

    The devices of a group that is not the site's are asked for with `group=`.
    """

    group: str
    id: str
    online: bool
    changed_at: str
    """Since when it is online or not."""
    stores: bool
    known_group: bool
    devices: list[str]


class Writable(_Shape):
    """What may be written to a point: a number between two limits, or one of a few numbers with names."""

    unit: str
    min: float | None
    max: float | None
    values: dict[int, str] | None


class DeviceDetail(Device):
    """A device with what its files say."""

    name: dict[str, str]
    compound: str | None
    profile: str | None
    interval: float | None
    writable: dict[str, Writable]


class Sample(_Shape):
    """A reading, or one number for an interval that begins at `at`."""

    at: str
    value: float | None
    quality: str


class Institution(_Shape):
    """An institution, with its people and floor area (m2) on a day; null where nobody approved a value yet."""

    id: str
    name: str
    compound: str
    headcount: float | None
    area: float | None


class Meter(_Shape):
    """A counting place of the ledger; `main` = counted in totals."""

    id: str
    device: str | None
    point: str | None
    energy: str
    parent: str | None
    main: bool
    units: list[str]


class Denominators(_Shape):
    """Day-weighted means over a span, also of what else the site's files state; null where one cannot be known."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float | None]

    headcount: float | None
    area: float | None


class Consumed(_Shape):
    """What a meter counted in an interval, and the share of each provenance."""

    start: str
    value: float
    unit: str
    provenance: dict[str, float]
    provisional: bool = False


class Finding(_Shape):
    """One question of the ledger; amounts in `unit`, `end` exclusive, `note`, `by` and `at` once somebody explained it."""

    meter: str
    kind: str
    start: str
    end: str
    amount: float
    counted: float
    before: float | None
    after: float | None
    unit: str
    state: str
    note: str | None
    by: str | None
    at: str | None


class Factor(_Shape):
    """What one unit of an energy is worth."""

    energy: str
    unit: str
    kgce_per_unit: float
    kgco2_per_unit: float | None
    valid_from: str
    valid_to: str | None
    source: str
    set: str


class Vehicle(_Shape):
    """An official car and where it was last; null where its position is not known."""

    id: str
    name: str
    online: bool
    at: str | None
    latitude: float | None
    longitude: float | None
    speed: float | None
    course: float | None


class CommandState(_Shape):
    """How a command stands."""

    state: str
    read_back: float | None
    reason: str
    code: str | None
    params: dict[str, Param]


class CommandAccepted(_Shape):
    """A command that is on its way."""

    id: str
    state: str


class ReportMade(_Shape):
    """A report that somebody was given; the digest says whether a file is that one."""

    year: int
    quarter: int | None
    month: int | None
    scope: str
    lang: str
    format: str
    as_of: str
    bytes: int
    sha256: str
    made_at: str
    made_by: str


class Said(_Shape):
    """A message: a code of the catalogue, and what its text is filled with."""

    code: str
    params: dict[str, Param]


class ReportJob(_Shape):
    """A report that waits (at which place), is made (which step) or ended lately (where its file is, or why there is none).

    `code` is the kind of fault, `detail` the English text of `why`.
    """

    id: str
    report: str
    year: int
    quarter: int | None
    month: int | None
    scope: str
    lang: str
    format: str
    state: Literal["waiting", "making", "done", "failed"]
    place: int | None
    step: str | None
    path: str | None
    code: str | None
    detail: str | None
    why: Said | None


class ReportKind(_Shape):
    """A report that can be had, and what was made of it, the newest first."""

    id: str
    title: dict[str, str]
    path: str
    languages: list[str]
    formats: list[str]
    made: list[ReportMade]
    jobs: list[ReportJob]


class Both(_Shape):
    """A text in both languages."""

    zh: str
    en: str


class Organisation(_Shape):
    """An organisation of the tree, or an institution that only the site of its district names, with what is directly below it.

    Its figures are those of `scope`, with `group` where that is no organisation's; `entered` = the cloud has all that they are made of.
    """

    id: str
    kind: Kind
    name: Both
    group: str | None
    unit: str | None
    scope: str
    entered: bool
    below: list[Organisation]


class Told(_Shape):
    """What became of an alert's message on a channel; `failed` goes on to be tried for three days."""

    channel: str
    state: Literal["waiting", "sent", "failed"]
    at: str | None
    reason: str | None
    code: str | None
    params: dict[str, Param]


class Inhibitor(_Shape):
    """The open alert that explains another."""

    id: str
    rule: str
    subject: str
    title: Both


class Alert(_Shape):
    """Something that somebody should look after; texts, value and limit are of the moment at which it fired."""

    id: str
    rule: str
    severity: Literal["info", "warning", "critical"]
    state: Literal["firing", "acknowledged", "resolved"]
    subject: str
    subject_name: Both
    title: Both
    detail: Both
    value: float | None
    limit: float | None
    unit: str
    since: str
    fired_at: str
    resolved_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    note: str | None
    told: list[Told]
    nobody_told: bool
    """No channel has told of it, or none is meant to; not said of one that is inhibited."""
    inhibited_by: Inhibitor | None
    """While that one is open, nobody is told of this one; it says what did when it is over."""
