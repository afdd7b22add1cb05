"""The ledger in SQL: its meters, what waits to be counted, and what stands there; each function works on the caller's connection."""
