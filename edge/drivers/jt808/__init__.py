"""Vehicle terminals that call in over TCP (JT/T 808-2019, clause 7, and its earlier editions)."""

from edge.drivers.jt808.listener import Listener

__all__ = ["Listener"]
