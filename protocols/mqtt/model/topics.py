"""Topics that a site may listen to, and what they match."""

from __future__ import annotations

from contract.topics import sendable

_LONGEST_TOPIC = 65_535


def heard_at(topic: str, subtopic: str | None) -> str:
    """The topic of one point of a device."""
    return topic if subtopic is None else f"{topic.rstrip('/')}/{subtopic}"


def literal(topic: str) -> bool:
    """Whether a topic is one topic, without wildcards."""
    return not set(topic) & set("+#")


def topic_fault(topic: str, *, named: bool) -> str:
    """Why a device cannot be heard at a topic; empty where it can. `named`: its messages say whose they are."""
    if not sendable(topic):
        return "expected a topic without line breaks, tabs and other control characters, which MQTT does not carry"
    if literal(topic):
        return "" if len(topic.encode()) <= _LONGEST_TOPIC else f"expected at most {_LONGEST_TOPIC} bytes"
    levels = topic.split("/")
    wild = [level for level in levels if not literal(level)]
    if any(level not in {"+", "#"} for level in wild) or "#" in levels[:-1]:
        return "expected + as a whole level, and # as the last one"
    if not named:
        return "expected a topic without + and #, which would take every meter's message for this one's: its profile names no identity"
    return ""


def overlap(one: str, other: str) -> bool:
    """Whether a message may match both of two topics."""
    ours, theirs = one.split("/"), other.split("/")
    for mine, yours in zip(ours, theirs, strict=False):
        if "#" in {mine, yours}:
            return True
        if mine != yours and "+" not in {mine, yours}:
            return False
    longer, shorter = sorted((ours, theirs), key=len, reverse=True)
    return len(longer) == len(shorter) or longer[len(shorter)] == "#"
