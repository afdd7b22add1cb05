"""What speaks a protocol and is needed on more than one side; the sides import it, and it imports only `contract`."""
