"""From a register to the interface, on real sockets, through a real broker and real stores."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import httpx

from contract.clock import parse_time
from simulators.stack.stack import Stack

Eventually = Callable[..., Any]


def test_a_register_reaches_the_interface(stack: Stack, api: httpx.Client, eventually: Eventually) -> None:
    """What a simulated DTSU666 answers is in /api/v1/readings/latest, with its value and the time of its poll."""
    stack.start_broker()
    stack.start_cloud()
    endpoints = stack.start_simulators()
    eventually(lambda: api.get("/healthz").status_code == 200)
    stack.start_edge("gw-1", endpoints)

    def energy() -> dict[str, Any] | None:
        rows = api.get("/api/v1/readings/latest", params={"device": "em-1"}).json()
        return next((r for r in rows if r["point"] == "energy_import"), None)

    found = eventually(energy)
    assert (found["unit"], found["quality"]) == ("kWh", "good")
    answers = [json.loads(line) for line in (stack.simulator_data("gw-1") / "journal.jsonl").read_text().splitlines()]
    near = [a for a in answers if abs(a["answered"] - parse_time(found["at"])) < 500 and a["address"] <= 0x101E < a["address"] + a["count"]]
    served = [struct.unpack(">f", struct.pack(">2H", *a["values"][0x101E - a["address"] :][:2]))[0] for a in near]
    assert found["value"] in served
    later = eventually(lambda: (now := energy()) is not None and now["at"] > found["at"] and now)
    assert later["value"] >= found["value"]
