"""The service: stores what gateways send, keeps the ledger, computes targets and shows them."""
