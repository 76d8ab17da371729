"""The ledger under strain: guarantees by machine and by process, gates, and its benchmark."""
