"""A vendor that misbehaves: it stands before a real one, and delivers some of its answers in its own way."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from urllib.parse import urlsplit

from neighbourhood.acts import Act, Honest, Say
from neighbourhood.serving import Asked, Serving, read_request

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Hostile(Serving):
    """Passes requests on to the HTTP server at ``upstream`` (a stand-in's or the sandbox's ``url``).

    What ``acts`` say is done to the answers that they pick; all others are passed back as they are. With
    ``tls`` (see `tls.server_context`) it speaks HTTPS.
    """

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        super().__init__(tls, host)
        self._upstream = urlsplit(upstream)
        self.acts: list[Act] = []
        self._given: dict[int, tuple[Act, int]] = {}  # with the act, so that its id stays its own
        self._lock = threading.Lock()

    def act(self, say: Say, **when: object) -> None:
        """Answer so from now on; ``when`` are `Act`'s."""
        self.acts.append(Act(say, **when))  # type: ignore[arg-type]

    def serve(self, connection: socket.socket, number: int) -> None:
        """Answer requests until the other side hangs up."""
        stream = connection.makefile("rb")
        upstream = http.client.HTTPConnection(str(self._upstream.hostname), self._upstream.port, timeout=30)
        try:
            while (asked := read_request(stream, number)) is not None:
                act = self._due(asked)
                honest = Honest(200, {}, b"{}")
                if act is None or act.carries_out:
                    honest = self._ask(upstream, asked)
                if act is not None:
                    act.say(connection, honest)
                    if connection.fileno() < 0:
                        return
                else:
                    connection.sendall(honest.whole())
        finally:
            upstream.close()

    def _due(self, asked: Asked) -> Act | None:
        with self._lock:
            self.requests.append(asked)
            for act in self.acts:
                given = self._given.get(id(act), (act, 0))[1]
                if (act.times is None or given < act.times) and act.on(asked):
                    self._given[id(act)] = (act, given + 1)
                    return act
        return None

    def _ask(self, upstream: http.client.HTTPConnection, asked: Asked) -> Honest:
        headers = {name: value for name, value in asked.headers.items() if name not in _HOP | {"host"}}
        if asked.body or "content-length" in asked.headers:
            headers["Content-Length"] = str(len(asked.body))
        upstream.request(asked.method, self._upstream.path + asked.path, asked.body or None, headers)
        answer = upstream.getresponse()
        body = answer.read()
        kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in _HOP}
        return Honest(answer.status, kept, body)
