"""Names of the alarm and status bits of a position (JT/T 808-2019, clause 8, message 0x0200).

The edition 2019 added alarms 15, 16, 17 and status 6, 7, 22.
Vendors reuse reserved bits, so a bit without a name here is stored and never an alarm.
"""

from __future__ import annotations

_ALARMS = (
    "emergency",
    "overspeed",
    "fatigue",
    "danger",
    "gnss_fault",
    "gnss_antenna_cut",
    "gnss_antenna_short",
    "main_power_low",
    "main_power_off",
    "display_fault",
    "tts_fault",
    "camera_fault",
    "ic_card_fault",
    "overspeed_warning",
    "fatigue_warning",
    "violation_driving_time",
    "tyre_pressure",
    "right_blind_zone",
    "daily_driving_limit",
    "parking_too_long",
    "area_in_out",
    "route_in_out",
    "section_time",
    "off_route",
    "vss_fault",
    "fuel_abnormal",
    "stolen",
    "illegal_ignition",
    "illegal_displacement",
    "collision",
    "rollover",
    "illegal_door",
)

_STATUS = {
    0: "acc",
    1: "located",
    2: "south",
    3: "west",
    4: "out_of_service",
    5: "encrypted_latlon",
    6: "forward_collision_warning",
    7: "lane_departure",
    10: "oil_cut",
    11: "circuit_cut",
    12: "door_locked",
    13: "door1_open",
    14: "door2_open",
    15: "door3_open",
    16: "door4_open",
    17: "door5_open",
    18: "gps",
    19: "beidou",
    20: "glonass",
    21: "galileo",
    22: "moving",
}

ALARMS: dict[str, int] = {name: 1 << bit for bit, name in enumerate(_ALARMS)}
"""Mask by name."""
STATUS: dict[str, int] = {name: 1 << bit for bit, name in _STATUS.items()}
"""Mask by name; the load in bits 8 and 9 is a number, see `load`."""

CLEARED_BY_ANSWER = sum(
    ALARMS[name] for name in ("emergency", "area_in_out", "route_in_out", "section_time", "illegal_ignition", "illegal_displacement")
)
"""Alarms that the terminal clears once the platform has answered; all others last until their condition ends."""


def alarm_names(alarm: int) -> list[str]:
    """Names of the alarms that are set, from the lowest bit."""
    return [name for name, mask in ALARMS.items() if alarm & mask]


def status_names(status: int) -> list[str]:
    """Names of the status bits that are set, from the lowest bit."""
    return [name for name, mask in STATUS.items() if status & mask]


def load(status: int) -> int:
    """0 empty, 1 half full, 3 full (status bits 8 and 9)."""
    return status >> 8 & 3
