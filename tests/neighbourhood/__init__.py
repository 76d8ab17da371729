"""A hostile neighbourhood: real servers that restart, freeze, refuse and forget, for any test.

A vendor that drips, bombs, lies and goes away stands before any HTTP server (`hostile`, with its `acts`);
requests reach it through TLS (`tls`) and a `proxy`. Each server is a context manager of its own module, and
a fixture of ``neighbourhood.fixtures``, which every test finds. Whatever a server needs that is not installed
is named, and the test is skipped.
"""
