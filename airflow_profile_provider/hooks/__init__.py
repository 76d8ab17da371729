"""One hook per vendor API."""
