"""What others ask of devices: the register, newest readings, nodes and their births."""
