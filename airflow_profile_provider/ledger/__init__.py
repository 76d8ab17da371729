"""What each vendor has acknowledged."""
