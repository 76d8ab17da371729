"""Sonoran CMS, emulated."""
