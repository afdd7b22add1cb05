"""What files say of Modbus: lines, unit ids, and where points stand in registers."""

from protocols.modbus.model.bus import Bus
from protocols.modbus.model.device import Device
from protocols.modbus.model.profile import Point, Profile

__all__ = ["Bus", "Device", "Point", "Profile"]
