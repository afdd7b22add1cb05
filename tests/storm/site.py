"""The site of the storm: Modbus buses of three meters, and three cars that call in."""

from __future__ import annotations

from pathlib import Path

import yaml

GROUP, GATEWAY, POINT = "510802", "gw-1", "energy_import"
POLL = 0.4


def _name(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def write_site(folder: Path, *, buses_in_all: int = 3, poll: float = POLL) -> Path:
    """Buses, every third of them RTU over TCP, with three meters each, polled every so many seconds, and three cars."""
    buses = [
        {"id": f"b{number}", "gateway": GATEWAY, "protocol": "modbus"} | ({} if number % 3 else {"framing": "rtu_over_tcp"})
        for number in range(1, buses_in_all + 1)
    ]
    devices = [
        {
            "id": f"{bus['id']}-m{unit}",
            "name": _name("m"),
            "profile": "electricity/chint-dtsu666",
            "bus": bus["id"],
            "unit_id": unit,
            "interval": poll,
        }
        for bus in buses
        for unit in (1, 2, 3)
    ]
    cars = [
        {
            "id": f"car-{number}",
            "name": _name("car"),
            "profile": "vehicle/jtt808-terminal",
            "bus": "cars",
            "phone": f"{13000000000 + number:012d}",
            "interval": 1,
            "vehicle": {"plate": f"川H{number:05d}", "kind": "sedan", "unit": "u1", "protocol_year": 2013},
        }
        for number in range(3)
    ]
    meters = [
        {"id": d["id"], "name": _name("m"), "energy": "electricity", "device": d["id"], "point": POINT, "main": True, "compound": "c1"}
        for d in devices
    ]
    site = {
        "id": "kill",
        "name": _name("kill"),
        "group": GROUP,
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": "c1", "name": _name("c"), "buildings": [{"id": "h", "name": _name("h"), "floors": 3, "area": 900}]}],
        "units": [{"id": "u1", "name": _name("u"), "compound": "c1", "headcount": 10, "area": 900}],
        "gateways": [{"id": GATEWAY}],
        "buses": [*buses, {"id": "cars", "gateway": GATEWAY, "protocol": "jt808"}],
        "devices": [*devices, *cars],
        "meters": meters,
    }
    folder.mkdir()
    (folder / "site.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")
    return folder
