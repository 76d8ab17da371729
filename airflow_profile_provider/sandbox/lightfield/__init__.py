"""Lightfield, emulated."""
