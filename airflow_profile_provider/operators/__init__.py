"""One operator per vendor API."""
