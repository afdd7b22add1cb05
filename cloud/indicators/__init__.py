"""Indicators and targets: pure functions from ledger sums, denominators and factors to the figures that are reported."""
