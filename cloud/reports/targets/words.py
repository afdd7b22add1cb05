"""What the report's facts are called in a language; paper and workbook say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.definitions import definitions, digits
from cloud.indicators.figures import FactorRow
from cloud.indicators.model import Status
from cloud.indicators.spans import Span
from cloud.reports.printed import NONE, Dates, last_day
from cloud.reports.targets.facts import SWING, Curve, Facts, Fault, MeterRow, Name
from cloud.texts import Language, catalogue, in_words, say
from contract.clock import parse_time
from contract.coded import Message

FOOTNOTES = (
    "period",
    "indicators",
    "energy",
    "span",
    "factors",
    "denominators",
    "status",
    "provenance",
    "gaps",
    "shares",
    "swing",
    "rounding",
)
_CHARTED = "indicator."


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one report in one language."""

    facts: Facts
    language: Language

    def say(self, key: str, **values: object) -> str:
        """A text of the report, by its key without `report.`."""
        return say(f"report.{key}", self.language, **values)

    def any(self, key: str) -> str:
        """A text of the catalogue."""
        return say(key, self.language)

    def name(self, name: Name) -> str:
        """A name in the language."""
        return name[self.language]

    def because(self, reason: Message | None) -> str:
        """A reason of the service, with names in the place of ids; empty without one."""
        names = {of: self.name(name) for of, name in self.facts.names.items()}
        return "" if reason is None else in_words(reason, self.language, names)

    @property
    def title(self) -> str:
        """Of the report, with its period."""
        return self.say("targets.of_period", period=self.facts.period.text(self.language))

    @property
    def head(self) -> list[tuple[str, str]]:
        """Who, what and until when."""
        facts, dates = self.facts, Dates(self.language)
        scope = self.name(facts.scope_name)
        sets = sorted({row["set"] for row in facts.factors})
        kind = facts.scope.partition(":")[0]
        return [
            (self.say("who"), self.name(facts.site_name)),
            (self.say("scope"), f"{scope}{self.say('bracket', text=self.say(f'scope.{kind}'))}"),
            (self.say("period"), f"{facts.period.text(self.language)}{self.say('bracket', text=dates.span(facts.span))}"),
            (self.say("as_of"), last_day(facts.as_of) if facts.as_of == facts.period.end else self.running()),
            (self.say("factor_set"), self.sets(sets)),
        ]

    def running(self) -> str:
        """That the period is not over."""
        return self.say("not_over", day=last_day(self.facts.as_of))

    def sets(self, sets: Sequence[str]) -> str:
        """The factor sets, and where their rows are explained."""
        known = catalogue()
        texts = [known[key][self.language] if (key := f"report.set.{one}") in known else one for one in sets]
        return self.say("list").join(texts) or self.say("no_factors", day=f"{self.facts.period.year}-01-01")

    def source(self, row: FactorRow) -> str:
        """Where a factor was published; what the service ships with is said in the language, an operator's row as entered."""
        shipped = catalogue().get(f"source.{row['energy']}")
        return shipped[self.language] if shipped and shipped["en"] == row["source"] else row["source"]

    def spans(self, this: Span | None, last: Span | None) -> str:
        """Both spans of a comparison."""
        dates = Dates(self.language)
        return self.say("against", this=dates.span(this), last=dates.span(last))

    def energy_spans(self) -> list[str]:
        """Which spans the quantities are of: all that is converted has one, water its own."""
        found: dict[str, list[str]] = {}
        for row in (row for row in self.facts.energies if row.spans.this is not None):
            found.setdefault(self.spans(row.spans.this, row.spans.last), []).append(self.any(f"energy.{row.energy}"))
        return [self.say("about", what=self.say("list").join(names), why=spans) for spans, names in found.items()]

    def at(self, text: str) -> int:
        """A moment of the interface, ms."""
        return parse_time(text)

    def is_running(self) -> bool:
        """Whether the newest month of the curves is not over."""
        return any(curve.partial is not None for curve in self.facts.months)

    def unit(self, unit: str) -> str:
        """A unit as it is printed."""
        return self.any(f"unit.{unit}")

    def curve(self, curve: Curve) -> str:
        """Name and unit of a curve."""
        return f"{self.any(curve.key)}{self.say('bracket', text=self.unit(curve.unit))}"

    def is_indicator(self, curve: Curve) -> bool:
        """Whether a curve is of an indicator."""
        return curve.key.startswith(_CHARTED)

    def digits(self, curve: Curve) -> int:
        """Decimals of a curve's values."""
        return digits(curve.key.removeprefix(_CHARTED)).report if self.is_indicator(curve) else 1

    def role(self, meter: MeterRow) -> str:
        """Whether a meter is counted in totals."""
        return self.say("main" if meter.main else "sub")

    def fault(self, fault: Fault) -> str:
        """What kind of fault it is."""
        key = f"report.fault.{fault.kind}"
        return self.any(key) if key in catalogue() else fault.kind

    def how_much(self, fault: Fault) -> str:
        """Hours, readings or events."""
        unit = "hours" if fault.kind in {"silent", "gap", "estimated"} else "readings" if fault.kind == "rejected" else "events"
        return self.say(f"count.{unit}", number=f"{fault.count:,}")

    def reasons(self) -> list[str]:
        """Why figures are missing or end early, each once, with what it is about."""
        found: dict[str, None] = {}
        for indicator in self.facts.targets.indicators:
            if indicator.message:
                found[self.say("about", what=self.any(f"indicator.{indicator.id}"), why=self.because(indicator.message))] = None
        for row in self.facts.energies:
            if row.spans.reason:
                found[self.say("about", what=self.any(f"energy.{row.energy}"), why=self.because(row.spans.reason))] = None
        if self.facts.total_spans.this is None:
            found[self.say("no_total")] = None
        return list(found)

    def swings(self) -> list[str]:
        """What moved so much that it must be explained."""
        found = [self.any(f"energy.{row.energy}") for row in self.facts.energies if row.amount.swings]
        found += [self.say(f"of.{row.kind}") for row in self.facts.denominators if row.value.swings]
        return list(dict.fromkeys(found))

    def footnotes(self) -> list[str]:
        """How each figure is computed."""
        formulas = self.say("formulas_between").join(one.formula.zh if self.language == "zh" else one.formula.en for one in definitions())
        return [self.say(f"note.{name}", swing=f"{SWING:.0%}", formulas=formulas) for name in FOOTNOTES]

    def status(self, status: Status | None) -> str:
        """How a target stands; that there is none."""
        return self.any("no_target" if status is None else f"status.{status}")

    def carbon_of(self, row: FactorRow) -> str:
        """What one unit of an energy is worth in CO2."""
        value = row["kgco2_per_unit"]
        return NONE if value is None else f"{value} {self.unit('kgCO2')}/{self.unit(row['unit'])}"

    def carbon(self) -> bool:
        """Whether an indicator sums CO2, so that the factors to it are to be shown."""
        return any(one.sums == "kgCO2" for one in definitions())
