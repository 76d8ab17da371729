"""A small HTTP proxy: forwards plain requests, and tunnels the rest by CONNECT."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from neighbourhood.serving import Serving, read_request


class Proxy(Serving):
    """Sends each request to where it is meant to go, or to the port that ``routes`` names for its host.

    ``requests`` lists what passed (a CONNECT too). With ``login`` ("name:password") it wants to be told.
    ``refuses`` is a status that it answers to everything instead, ``silent`` lets everybody wait.
    """

    def __init__(
        self,
        routes: Mapping[str, int] | None = None,
        *,
        login: str | None = None,
        refuses: int | None = None,
        silent: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.routes = dict(routes or {})
        self._login = login
        self._refuses = refuses
        self._silent = silent

    @property
    def hosts(self) -> list[str]:
        """The hosts that were asked for, in order."""
        found = [
            asked.path if asked.method == "CONNECT" else urlsplit(asked.path).netloc
            for asked in self.requests
        ]
        return [str(urlsplit(f"//{netloc}").hostname) for netloc in found]

    def serve(self, connection: socket.socket, number: int) -> None:
        """Pass one connection's requests on."""
        asked = read_request(connection.makefile("rb", buffering=0), number)
        if asked is None:
            return
        self.requests.append(asked)
        if self._silent:
            threading.Event().wait(600)
        wanted = "Basic " + base64.b64encode((self._login or "").encode()).decode()
        if self._login and asked.headers.get("proxy-authorization") != wanted:
            self._say(connection, 407)
            return
        if self._refuses:
            self._say(connection, self._refuses)
            return
        tunnel = asked.method == "CONNECT"
        url = urlsplit(f"//{asked.path}" if tunnel else asked.path)
        port = self.routes.get(str(url.hostname), url.port or 80)
        host = "127.0.0.1" if url.hostname in self.routes else str(url.hostname)
        with socket.create_connection((host, port), 10) as other:
            other.settimeout(None)
            if tunnel:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = (url.path or "/") + (f"?{url.query}" if url.query else "")
                headers = {k: v for k, v in asked.headers.items() if not k.startswith("proxy-")}
                headers["connection"] = "close"
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                other.sendall(f"{asked.method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + asked.body)
            back = threading.Thread(target=_pump, args=(other, connection), daemon=True)
            back.start()
            if tunnel:
                _pump(connection, other)
            back.join()

    @staticmethod
    def _say(connection: socket.socket, status: int) -> None:
        wants = 'Proxy-Authenticate: Basic realm="p"\r\n' if status == 407 else ""
        connection.sendall(
            f"HTTP/1.1 {status} No\r\n{wants}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
