"""A server that gives a stand-in's answers, or whatever trouble a script has for a request instead."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from standins import Reply, Seen, StandIn

NAME = "fuzz-wire"
"""How this server's threads are called, to be told from those of a push."""
DRIP_SECONDS = 0.02
LONGEST_DRIP = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to one request. With ``applied``, the vendor has done what was asked before.

    ``kind``: "answer" (status, headers and body as they are here), "slow" (the vendor's own answer after
    ``seconds``), "drop" (no answer), "reset", "cut" (half of the vendor's answer), "raw" (the body's bytes
    and nothing else), "drip" (a byte every now and then, for as long as anybody listens), "bomb"
    (``seconds`` stands for the megabytes that it unpacks to).
    """

    kind: str = "answer"
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    applied: bool = False
    seconds: float = 0.0

    @property
    def unheard(self) -> bool:
        """Whether the client may never learn what the vendor did."""
        return self.applied or self.kind in {"slow", "drip"}


@dataclass(eq=False)
class Scene:
    """One push's vendor: the stand-in, the troubles of its requests in order, and then one for all others.

    ``heard`` is called with the number of each request that arrives, from 1.
    """

    stand_in: StandIn
    script: tuple[Trouble | None, ...] = ()
    tail: Trouble | None = None
    heard: Callable[[int], None] = lambda number: None
    number: int = 0
    seen: list[Seen] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)

    def take(self, request: Seen) -> tuple[Reply, Trouble | None]:
        """Answer a request, with the trouble that is due, if any."""
        with self.lock:
            self.number += 1
            number = self.number
            self.seen.append(request)
            script = self.script
            trouble = script[number - 1] if number <= len(script) else self.tail
            asked = trouble is None or trouble.applied or trouble.kind == "slow"
            reply = self.stand_in.take(request)[0] if asked else Reply(200)
        self.heard(number)
        if trouble and trouble.kind in {"answer", "bomb"}:
            reply = Reply(trouble.status, trouble.body, trouble.headers)
        return reply, trouble


class Wire:
    """One loopback port that lives on while scenes come and go."""

    def __init__(self) -> None:
        self.scene: Scene | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name=NAME, daemon=True).start()

    def play(self, scene: Scene) -> None:
        """Answer by this scene from now on; connections of the one before are closed."""
        self.scene = scene
        with self._lock:
            left, self._open = self._open, set()
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        self.play(Scene(StandIn()))
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            scene = self.scene
            if scene is None:
                connection.close()
                continue
            with self._lock:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, scene), name=NAME, daemon=True).start()

    def _serve(self, connection: socket.socket, scene: Scene) -> None:
        try:
            for request in _requests(connection):
                if not _answer(connection, *scene.take(request)):
                    return
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def _requests(connection: socket.socket) -> Iterator[Seen]:
    """Read one request after the other until the client hangs up."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    while True:
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            piece = connection.recv(65536)
            if not piece:
                return
            buffer += piece
        first, *lines = buffer[:end].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        whole = end + 4 + int(headers.get("content-length", 0))
        while len(buffer) < whole:
            piece = connection.recv(65536)
            if not piece:
                return
            buffer += piece
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        yield Seen(method, url.path, query, headers, buffer[end + 4 : whole], connection.fileno())
        buffer = buffer[whole:]


def _answer(connection: socket.socket, reply: Reply, trouble: Trouble | None) -> bool:
    """Send the answer; return whether the connection may live on."""
    kind = trouble.kind if trouble else "answer"
    if trouble and kind == "slow":
        time.sleep(trouble.seconds)
    if kind == "drop":
        return False
    if kind == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    if trouble and kind == "raw":
        connection.sendall(trouble.body)
        return False
    if trouble and kind == "bomb":
        content = _bomb(trouble.seconds)
        connection.sendall(_head(reply, len(content), "application/json", {"Content-Encoding": "gzip"}))
        connection.sendall(content)
        return False
    content, type_ = reply.encode()
    head = _head(reply, None if reply.status == 204 else len(content), type_)
    if kind == "cut":
        connection.sendall((head + content)[: max(len(head) // 2, len(head) + len(content) // 2 - 1)])
        return False
    if kind == "drip":
        _drip(connection)
        return False
    connection.sendall(head + content)
    return True


def _head(reply: Reply, length: int | None, type_: str, more: Mapping[str, str] | None = None) -> bytes:
    headers = {**reply.headers, **(more or {})}
    if type_ and "Content-Type" not in headers:
        headers["Content-Type"] = type_
    if length is not None and "Content-Length" not in headers:
        headers["Content-Length"] = str(length)
    lines = [f"HTTP/1.1 {reply.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    end = time.monotonic() + LONGEST_DRIP
    while time.monotonic() < end:
        connection.sendall(b" ")
        time.sleep(DRIP_SECONDS)


_BOMBS: dict[float, bytes] = {}


def _bomb(megabytes: float) -> bytes:
    if megabytes not in _BOMBS:
        text = json.dumps("0" * int(megabytes * 1_000_000)).encode()
        _BOMBS[megabytes] = gzip.compress(text, 1)
    return _BOMBS[megabytes]
