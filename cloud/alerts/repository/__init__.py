"""Alerts in SQL: where rules stand, alerts and their history, and what people are told."""
