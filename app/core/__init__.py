"""What every room stands on: transactions, the ledger, periods, listings, errors and settings. Core knows no room."""
