"""The master of a Modbus line: one connection, one request in flight."""

from protocols.modbus.driver.master import Modbus as Driver

__all__ = ["Driver"]
