"""A MariaDB of our own: a private server that lives as long as the tests that need it."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from neighbourhood.loopback import free_port, wait_for_port

PASSWORD = "Own3r-passw0rd"


@contextmanager
def private_mariadb() -> Iterator[dict[str, Any]]:
    """Run a server on a port of loopback; what comes out are the members of an Airflow connection."""
    pytest.importorskip("pymysql")
    server = _binary("mariadbd")
    # A folder of its own with a short name: the path of its socket may have 107 signs.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        folder, port = Path(name), free_port()
        common = ["--no-defaults", f"--datadir={folder}/data", f"--user={getpass.getuser()}"]
        made = [_binary("mariadb-install-db"), *common, "--skip-test-db"]
        made += ["--auth-root-authentication-method=normal"]
        subprocess.run(made, check=True, capture_output=True)
        process = subprocess.Popen(
            [
                server,
                *common,
                f"--socket={folder}/socket",
                f"--pid-file={folder}/pid",
                "--bind-address=127.0.0.1",
                f"--port={port}",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=32M",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(port, seconds=60)
            _prepare(port)
            yield {
                "conn_type": "mysql",
                "host": "127.0.0.1",
                "port": port,
                "login": "profiles",
                "password": PASSWORD,
                "schema": "warehouse",
            }
        finally:
            process.terminate()
            process.wait(30)


def _binary(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install mariadb-server)")
    return found


def _prepare(port: int) -> None:
    import pymysql

    with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("create database warehouse character set utf8mb4")
        cursor.execute(f"create user profiles@'127.0.0.1' identified by '{PASSWORD}'")
        cursor.execute("grant all on warehouse.* to profiles@'127.0.0.1'")
