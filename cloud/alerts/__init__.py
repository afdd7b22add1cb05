"""Alerts: rules as data, conditions as functions, a pure state machine, and who is told."""
