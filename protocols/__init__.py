"""A folder a protocol, and what the drivers of all have in common; the sides import it, and it imports only `contract`."""
