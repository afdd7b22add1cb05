"""What others ask of the ledger beside consumption: its meters, and its hours."""
