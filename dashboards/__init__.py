"""Grafana's dashboards, generated: `python -m dashboards` writes dashboards/grafana; the JSON there is the product."""
