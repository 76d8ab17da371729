"""Agile.Now, emulated."""
