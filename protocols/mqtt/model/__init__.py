"""What files say of MQTT: brokers, the topics of devices, and where points stand in messages."""

from protocols.mqtt.model.bus import Bus, Device
from protocols.mqtt.model.profile import Point, Profile

__all__ = ["Bus", "Device", "Point", "Profile"]
