"""What ingest and the ledger put on record: events, rejected readings, refused clients; and files that nobody put on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from cloud.alerts.observe import Duration, Memory, Observation, Parameters, Word, condition
from cloud.alerts.view import EVENTS_OF
from cloud.devices.broker_refusals import OTHERS, Told, told_of
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.periods import DAY_MS
from cloud.texts import LANGUAGES, Language, in_both, say
from contract.coded import Message, read

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View
    from cloud.ledger.findings import Finding

Kind = Literal[
    "counter_reset",
    "counter_fall",
    "counter_jump",
    "counter_unusable",
    "clock_fault",
    "clock_drift",
    "foreign_gateway",
    "too_many_points",
    "readings_refused",
    "vehicle_sos",
]


def _looked_at(given: int) -> int:
    if not 0 < given <= EVENTS_OF:
        raise ValueError(f"expected more than 0s and at most {EVENTS_OF // DAY_MS}d: what is older is history")
    return given


Recent = Annotated[Duration, AfterValidator(_looked_at)]


class Kinds(Parameters):
    """Which events, and how long one counts as happening."""

    kinds: list[Kind] = Field(min_length=1)
    within: Recent


@condition("recorded", Kinds, annotations=("what", "detail"), sparse=True)
def recorded(_rule: Rule, given: Kinds, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """An event of some kinds was noted; one that a record explains is withdrawn by the ledger, and with it the alert."""
    found = {event.subject: event for event in view.events if event.kind in given.kinds and view.now - event.at <= given.within}
    for subject, event in found.items():
        annotations = {"what": in_both(Message(f"event.{event.kind}")), "detail": in_both(read(event.detail))}
        yield Observation(subject, 1.0, annotations=annotations)


class RejectedWithin(Parameters):
    """How long a refused reading counts as happening."""

    within: Recent


@condition("rejected", RejectedWithin, annotations=("why",), sparse=True)
def rejected(_rule: Rule, given: RejectedWithin, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """Readings that the time-series store will not take; they are kept in SQL and can be replayed."""
    for device, found in view.rejected.items():
        if view.now - found.at <= given.within:
            yield Observation(device, 1.0, float(found.number), 0.0, {"why": in_both(found.reason)})


class BrokerTold(Parameters):
    """Which of both the broker told, and how long it counts as happening."""

    kind: Literal["broker_refused", "broker_contested"]
    within: Recent


@condition("broker_told", BrokerTold, annotations=("what",), sparse=True)
def broker_told(_rule: Rule, given: BrokerTold, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """The broker refused a client, or clients with one user throw each other off; by address, or by user."""
    for event in view.events:
        told = told_of(event.detail) if event.kind == given.kind and view.now - event.at <= given.within else None
        if told is not None:
            annotations: dict[str, Word] = {"what": {language: _refused(told, language) for language in LANGUAGES}}
            if event.subject == OTHERS:
                annotations["name"] = in_both(Message("broker.others"))
            yield Observation(event.subject, 1.0, float(told.number), annotations=annotations)


def _refused(told: Told, language: Language) -> str:
    """Why, and as whom the client came, where the broker tells it."""
    what = say(f"broker.{told.reason}", language, detail=told.detail)
    return say("broker.named", language, what=what, id=told.detail) if told.detail and told.reason != "contested" else what


@condition("finding", annotations=("what", "amount", "number"), sparse=True)
def finding(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """The open questions of the ledger about a meter: they stand until a record or a note explains them, however old they are."""
    by_meter: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in view.findings():
        by_meter[one.meter].append(one)
    for meter, asked in by_meter.items():
        worst = max(asked, key=lambda one: one.amount)
        what = in_both(Message(f"finding.{worst.kind}"))
        unit = energy_of(worst.energy).factor_unit
        amount = f"{to_factor_unit(worst.amount, worst.energy).normalize():f} {unit}"
        yield Observation(meter, float(len(asked)), annotations={"what": what, "amount": amount, "number": str(len(asked))})


@condition("cloud_clock", annotations=("seconds", "way"), sparse=True)
def cloud_clock(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """The cloud's own clock is off: its gateways agree with each other and not with it, or it jumped while the service ran."""
    if view.cloud_clock:
        name = view.site.name
        way = in_both(Message("clock.ahead") if view.cloud_clock > 0 else Message("clock.behind"))
        annotations: dict[str, Word] = {
            "name": {"zh": name.zh, "en": name.en},
            "seconds": f"{abs(view.cloud_clock) / 1000:.0f}",
            "way": way,
        }
        yield Observation(view.site.id, 1.0, view.cloud_clock / 1000, 0.0, annotations)


@condition("site_differs", sparse=True)
def site_differs(_rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """The site's files say something else than what was entered; the service works with what was entered."""
    if view.site_differs:
        name = view.site.name
        yield Observation(view.site.id, 1.0, annotations={"name": {"zh": name.zh, "en": name.en}})
