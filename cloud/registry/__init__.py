"""Clocks that were wrong, and what the broker refused."""
