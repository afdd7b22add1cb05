"""Devices that publish JSON to a broker: `codec` reads their messages, `driver` takes them from the broker."""
