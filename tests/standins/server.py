"""What all stand-ins share: a threaded HTTP/1.1 server that records requests and answers faults first."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived. ``path`` is still percent-encoded; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a str body goes out as it is, anything else as JSON, None as no body at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> tuple[bytes, str]:
        """Return the body's bytes and its content type."""
        if self.body is None:
            return b"", ""
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer to give instead of the vendor's own.

    ``drop`` carries the request out and closes without an answer, ``cut`` in the middle of it, and ``late``
    answers that many seconds later; ``reset`` tears the connection down before anything happens. ``on``
    picks the requests: "write" (the vendor's update), "create" (what makes a profile), "after"
    (whatever comes once one was made) or "any". ``times``
    counts how often the fault is given; None means for ever.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    reset: bool = False
    late: float = 0.0
    on: str = "write"
    key: str | None = None
    times: int | None = 1

    @property
    def carries_out(self) -> bool:
        """Whether the vendor does what was asked all the same."""
        return self.drop or self.cut or self.late > 0


class StandIn:
    """One vendor on a loopback port. Subclasses say how a request is answered.

    ``profiles`` maps a key to its fields, ``requests`` lists what arrived, ``faults`` what to answer first.
    """

    secret: ClassVar[str] = "S3cr3t-Stand-In-Key"
    login: ClassVar[str] = ""

    def __init__(self, profiles: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.profiles: dict[str, dict[str, Any]] = {key: dict(own) for key, own in (profiles or {}).items()}
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.probes = False
        self.most_in_flight = 0
        self._in_flight = 0
        self._given: dict[int, int] = {}
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    # -- to override ------------------------------------------------------------------------------------

    def answer(self, request: Seen) -> Reply:
        """Carry the request out and answer it."""
        raise NotImplementedError

    def is_write(self, request: Seen) -> bool:
        """Whether the request is the vendor's update."""
        raise NotImplementedError

    def is_create(self, request: Seen) -> bool:
        """Whether the request makes a profile; no vendor's does, but for those that say so."""
        return False

    def keys_of(self, request: Seen) -> list[str]:
        """The keys that an update names, as they were sent."""
        raise NotImplementedError

    def probe(self, request: Seen) -> Reply | None:
        """Answer the connection test that newer pages name; only asked while ``probes`` is on."""
        return None

    def state(self) -> dict[str, dict[str, Any]]:
        """What the vendor keeps, to be compared with a source."""
        return self.profiles

    # -- for tests --------------------------------------------------------------------------------------

    @property
    def writes(self) -> list[Seen]:
        """The updates that arrived."""
        return [request for request in self.requests if self.is_write(request)]

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _connection_class(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    # -- one request ------------------------------------------------------------------------------------

    def take(self, request: Seen) -> tuple[Reply, Fault | None]:
        """Record a request and answer it, with the fault that is due, if any."""
        with self._lock:
            self.requests.append(request)
            fault = self._due(request)
            if fault is not None and not fault.carries_out:
                return Reply(fault.status, fault.body, fault.headers), fault
            return (self.probe(request) if self.probes else None) or self.answer(request), fault

    def _due(self, request: Seen) -> Fault | None:
        for fault in self.faults:
            given = self._given.get(id(fault), 0)
            if (fault.times is None or given < fault.times) and self._fits(fault, request):
                self._given[id(fault)] = given + 1
                return fault
        return None

    def _fits(self, fault: Fault, request: Seen) -> bool:
        if fault.on == "write" and not self.is_write(request):
            return False
        if fault.on == "create" and not self.is_create(request):
            return False
        if fault.on == "after" and not getattr(self, "made", None):
            return False
        return fault.key is None or (self.is_write(request) and fault.key in self.keys_of(request))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: tests break connections on purpose."""


def _connection_class(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Connection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _serve(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Seen(
                method=self.command,
                path=url.path,
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
                connection=self.client_address[1],
            )
            with stand_in._lock:
                stand_in._in_flight += 1
                stand_in.most_in_flight = max(stand_in.most_in_flight, stand_in._in_flight)
            try:
                self._answer(*stand_in.take(request))
            finally:
                with stand_in._lock:
                    stand_in._in_flight -= 1

        def _answer(self, reply: Reply, fault: Fault | None) -> None:
            body, kind = reply.encode()
            if fault is not None:
                time.sleep(fault.late)
            if fault is not None and (fault.drop or fault.reset or (fault.cut and not body)):
                self._hang_up(abruptly=fault.reset)
                return
            self.send_response(reply.status)
            if kind and "Content-Type" not in reply.headers:
                self.send_header("Content-Type", kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault is not None and fault.cut:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                self._hang_up(abruptly=False)
                return
            self.wfile.write(body)

        def _hang_up(self, *, abruptly: bool) -> None:
            self.close_connection = True
            if abruptly:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for half in (self.rfile, self.wfile, self.connection):
                    half.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
            """Stay silent."""

    return Connection
