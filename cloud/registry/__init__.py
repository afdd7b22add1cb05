"""What is known besides readings: site, people, areas, meters, births, ledger rows, tokens, commands; in SQL."""
