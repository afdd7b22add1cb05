"""The ledger in SQL: its meters, what waits to be counted, and what stands there; each function works on the caller's connection.

`meters`, `renaming` and `forgetting` have what a site enters; `waiting` the hours that are to be counted; `hours`, `judgements` and
`settled` what was counted; `records`, `entries`, `bills` and `notes` what people said; `thinned` how far readings went.
"""
