"""What every neighbour shares: a listening socket on loopback with a thread for each connection."""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from neighbourhood.loopback import free_port


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)


def read_request(stream: Any, connection: int) -> Asked | None:
    """Read one request, or None where the other side has hung up, or has greeted for TLS."""
    start = stream.readline(65536)
    if not re.match(rb"[A-Z]+ \S+ HTTP/", start):
        return None
    method, path, _ = start.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := stream.readline(65536)).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length") or 0))
    return Asked(method, path, headers, body, connection)


class Serving:
    """Listens on a loopback port of its own; subclasses serve a connection."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.requests: list[Asked] = []
        self.connections = 0
        """How many were accepted."""
        self._tls = tls
        self._host = host
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._changes = threading.Lock()
        self.port = free_port()

    def serve(self, connection: socket.socket, number: int) -> None:
        """Serve one connection until it ends."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}"

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()

    def come_back(self) -> None:
        """Listen, on the same port as before."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self._host, self.port))
        listening.listen(128)
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def go_away(self) -> None:
        """Stop listening and break every connection, as a server does that is restarted."""
        with self._changes:
            if self._listening:
                with suppress(OSError):
                    self._listening.shutdown(socket.SHUT_RDWR)
                self._listening.close()
                self._listening = None
            for connection in list(self._open):
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def restart(self, seconds: float) -> None:
        """Be away for so long, from now on, while the caller goes on."""
        self.go_away()
        threading.Timer(seconds, self.come_back).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._changes:
                if self._listening is not listening:  # it was let in while the server went away
                    connection.close()
                    return
                self._open.add(connection)
                self.connections += 1
            args = (connection, self.connections)
            threading.Thread(target=self._run, args=args, daemon=True).start()

    def _run(self, connection: socket.socket, number: int) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            served = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            if served is not connection:
                self._open.discard(connection)
                self._open.add(served)
                connection = served
            self.serve(connection, number)
        except (OSError, ValueError):
            pass  # tests break connections on purpose
        finally:
            self._open.discard(connection)
            with suppress(OSError):
                connection.close()


def reset(connection: socket.socket) -> None:
    """Tear the connection down with a reset instead of a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())  # also while somebody reads from it
