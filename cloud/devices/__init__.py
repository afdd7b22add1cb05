"""What is there and what it said: devices, counting places, births, newest readings, events and clocks."""
