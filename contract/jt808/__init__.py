"""JT/T 808, the protocol of Chinese vehicle terminals: bytes to messages and back, without any network."""
