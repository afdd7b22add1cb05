"""The time-series store: one interface in the words of the domain, SQLite and InfluxDB behind it."""
