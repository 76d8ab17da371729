"""Ocamba Hood, emulated."""
