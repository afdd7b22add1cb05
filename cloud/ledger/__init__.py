"""Consumption per meter and hour, in whole base units, with its provenance."""
