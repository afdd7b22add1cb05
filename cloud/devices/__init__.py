"""What is there and what it said: devices, births, newest readings, events and clocks."""
