"""Bytes to messages of JT/T 808 and back, and positions to readings; without any network."""
