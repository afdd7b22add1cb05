"""Devices that speak the real protocols, a whole site, its faults and its history."""
