"""What others ask of the ledger, and what joins its tables: as records, on the caller's connection.

`consumption` and `hours` say what was used; `meters` and `installed` what counts it; `entries`, `bills`, `findings` and `progress`
what people are shown.
"""
