"""A hostile neighbourhood: real servers that restart, freeze, refuse and forget, for any test.

Each server is a context manager of its own module, and a fixture of ``neighbourhood.fixtures``, which every
test finds. Whatever a server needs that is not installed is named, and the test is skipped.
"""
