"""Modbus over TCP, RTU over TCP and serial RTU: `codec` has frames and numbers, `driver` asks devices."""
