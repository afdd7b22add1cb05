"""Vehicle terminals that call in over TCP (JT/T 808-2019, clause 7, and its earlier editions)."""

from protocols.jt808.driver.listener import Listener as Driver

__all__ = ["Driver"]
