"""`jieyue-cloud clock`: say and record how far the clocks of devices and gateways were off."""

from __future__ import annotations

import argparse
import json
import sys

from cloud.cli.shared import add, add_actions, add_by, database
from cloud.devices.clocks import ClockOffset, State
from cloud.devices.own_clock import OWN
from cloud.devices.queries.clocks import groups_of, known_offsets, open_row
from cloud.ingest.own import kept_by_service
from cloud.ingest.taken_back import taken_back
from cloud.ledger.clock_offsets import Recorded, record_offset
from cloud.settings import Settings
from cloud.texts import in_words
from contract.clock import Clock, iso
from contract.coded import read
from contract.commandline import Commands, Parser, at, number

_KEPT = {None: "a trial's", True: "kept by a time service", False: "not kept by a time service, so it may be off"}
_MOST = 100 * 366 * 86_400


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    clock = add(commands, "clock", "say or record how far clocks were off", run, "Look after what is known of clocks.")
    actions = add_actions(clock)
    shown = add(actions, "list", "print what was judged and recorded, and what is undecided", show)
    shown.add_argument("--json", action="store_true", help="print JSON instead of lines")
    mine = add(actions, "own", "say whether the cloud's own clock is off", show_own, "Print what is known of the cloud's own clock.")
    mine.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser = add(
        actions,
        "offset",
        "record that the clock of a device or gateway was off for a while",
        run,
        "Record by how much the clock of a device, terminal or gateway was off for a while. What it said then and was stored as suspect "
        "counts in the ledger at its true time; telemetry stays as it is. Recorded again from the same time, it is corrected.",
    )
    parser.add_argument("source", metavar="SOURCE", help="id of the device whose clock it was, or of the gateway for all that it dates")
    for option, text in (("--from", "first time, as that clock showed it and as telemetry has it"), ("--to", "the time after the last")):
        parser.add_argument(option, dest=option[2:], type=at, required=True, metavar="TIME", help=f"{text}, such as 2026-03-01T10:00:00Z")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        required=True,
        metavar="S",
        help="what it showed minus the true time: above 0 it was ahead, below 0 behind",
    )
    parser.add_argument(
        "--seconds-to", type=_seconds, metavar="S", help="the same at --to, if it drifted; linear between (default: --seconds)"
    )
    parser.add_argument("--all", action="store_true", help="correct readings that were stored as good too, not only suspect ones")
    parser.add_argument("--group", metavar="ID", help="the district, where several have such a source")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for whoever audits it")
    add_by(parser, "records it")


def _seconds(text: str) -> int:
    """Seconds as whole ms."""
    found = number(text)
    if abs(found) > _MOST:
        raise argparse.ArgumentTypeError(f"expected seconds from -{_MOST} to {_MOST}, got {text!r}")
    return round(found * 1000)


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Record it, and say what follows.

    Raises:
        ValueError: What is wrong, and with which argument.
    """
    start, end, source = getattr(arguments, "from"), arguments.to, arguments.source
    offset_to = arguments.seconds if arguments.seconds_to is None else arguments.seconds_to
    known = Recorded(source, start, end, arguments.seconds, offset_to, arguments.all, arguments.reason)
    with database(settings) as engine:
        with engine.connect() as connection:
            groups = groups_of(connection, source)
        group = _group(sorted(groups), source, arguments.group)
        hours = record_offset(engine, group, known, arguments.by, clock.now_ms())
    first, last = iso(start - arguments.seconds), iso(end - offset_to)
    sys.stdout.write(f"{source}: what it dated {iso(start)} to {iso(end)} was measured {first} to {last}; {hours} hours are counted anew\n")
    return 0


def show(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Print what is known of clocks, a line each."""
    with database(settings) as engine, engine.connect() as connection:
        found = known_offsets(connection)
    if arguments.json:
        sys.stdout.write(json.dumps([_fields(one) for one in found], indent=1, ensure_ascii=False) + "\n")
        return 0
    for one in found:
        sys.stdout.write(_line(one) + "\n")
    return 0


def _fields(one: ClockOffset) -> dict[str, object]:
    """What is known of a clock, as JSON has it: offsets in seconds."""
    return {
        "group": one.group,
        "source": one.source,
        "from": iso(one.offset.start),
        "to": iso(one.offset.end),
        "seconds": one.offset.offset_from / 1000,
        "seconds_to": one.offset.offset_to / 1000,
        "state": one.state,
        "by": one.by,
        "why": _why(one),
        "recorded_at": iso(one.recorded_at),
    }


def _why(one: ClockOffset) -> str:
    """The reason of a person as it stands, one of the service's own in English."""
    return in_words(read(one.why), "en") if one.why else ""


def _line(one: ClockOffset) -> str:
    first, last = one.offset.offset_from / 1000, one.offset.offset_to / 1000
    seconds = f"{first:+g} s" if first == last else f"{first:+g} to {last:+g} s"
    what = "late" if one.state is State.UNDECIDED else seconds
    why = f" ({_why(one)})" if one.why else ""
    whose = "the cloud's clock" if one.source == OWN else f"{one.group} {one.source}"
    return f"{whose}: {iso(one.offset.start)} to {iso(one.offset.end)}: {what}, {one.state}, {one.by}{why}"


def show_own(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print how far the cloud's clock is off, what keeps the clock of this machine, and what was taken back."""
    with database(settings) as engine, engine.connect() as connection:
        row, taken = open_row(connection), taken_back(connection)
    kept = kept_by_service(clock)
    if arguments.json:
        said = {"seconds": 0.0, "since": None} if row is None else {"seconds": row.offset / 1000, "since": iso(row.start - row.offset)}
        sys.stdout.write(json.dumps(said | {"synchronised": kept, "taken_back": taken}, indent=1, ensure_ascii=False) + "\n")
        return 0
    off = "it is right, as far as its gateways say" if row is None else f"{row.offset / 1000:+g} s off since {iso(row.start - row.offset)}"
    sys.stdout.write(f"the cloud's clock: {off}\nthis machine's clock: {_KEPT[kept]}\n")
    for one in taken:
        sys.stdout.write(
            f"{one['at']}: judged by a clock that was {one['seconds']:+g} s off, and taken back: {', '.join(one['sources']) or 'nobody'}; "
            f"{one['hours']} hours were counted anew\n"
        )
    return 0


def _group(found: list[str], source: str, given: str | None) -> str:
    if given in found:
        return str(given)
    if given is not None or not found:
        raise ValueError(f"source: expected a device or gateway{f' of {given}' if given else ''}, got {source!r}")
    if len(found) > 1:
        raise ValueError(f"--group: expected one of {', '.join(found)}, which all have {source!r}")
    return found[0]
