"""Drivers: one file or folder a protocol; each registers itself by name."""
