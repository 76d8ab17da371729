"""An answer has an end: however a server sends it, its time, its size and what it unpacks to are bounded.

urllib3's time-out is for silence alone. A server that sends a byte now and then, headers or interim answers
without end, or a small body that unpacks to a large one would hold a push for ever, or fill its memory. So
the connections of a push (see `connections`) ask the `Exchange` of their thread how long they may go on.
"""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from airflow_profile_provider.errors import Paused, PushStopped

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of the largest answer that is read, unpacked."""
SETTLE_SECONDS = 3.0
"""How long an answer under way is still waited for once a push is asked to end: a killed task has five."""

_LARGEST_HEAD = 1024 * 1024
_SLICE = 0.5
_READ_BYTES = 65536
"""How much of an answer is read before its size and its time are looked at again."""
_MOST_LAYERS = 2
_MOST_MEMBERS = 16
_TLS_RECORDS = (b"\x15", b"\x16")
"""How an alert and a handshake of TLS begin."""
_here = threading.local()


class Overlong(Exception):
    """An answer was given up: it was too slow, too large, or cannot be unpacked. The text says which."""


class Halt:
    """Whether anything more may be sent: the first reason to stop is the one that counts.

    Connections that are still being made are broken then; what is in flight is waited for, a little. Only a
    push that waits for its quota is in no hurry: nobody is about to end it.
    """

    def __init__(self) -> None:
        self.reason: PushStopped | None = None
        self.hurries = False
        """Whether what is in flight is to end soon."""
        self._connecting: set[Exchange] = set()

    def stop(self, reason: PushStopped) -> None:
        """Send nothing more; from any thread, and from a signal: so without a lock."""
        if self.reason is None:
            self.reason = reason
        if isinstance(reason, Paused):
            return
        self.hurries = True
        for exchange in tuple(self._connecting):
            exchange.give_up()

    def connecting(self, exchange: Exchange) -> None:
        """Note an exchange whose connection is still being made."""
        self._connecting.add(exchange)
        if self.hurries:
            exchange.give_up()

    def connected(self, exchange: Exchange) -> None:
        """Note that its connection is made, or never will be."""
        self._connecting.discard(exchange)


class Exchange:
    """One request and its answer: until when it may take, and how much may come.

    ``whole`` bounds the exchange, ``silence`` each wait in it, in seconds; ``halt`` says whether the push is
    asked to end. ``problem`` says why the answer was given up, if it was.
    """

    def __init__(self, whole: float, silence: float, halt: Halt) -> None:
        self.problem = ""
        self._whole = whole
        self.silence = silence
        self._halt = halt
        self._ends = time.monotonic() + whole
        self._room = LARGEST_ANSWER + _LARGEST_HEAD
        self._first = b""
        self._ending = False
        self._connection: socket.socket | None = None

    def greets(self, connection: socket.socket) -> None:
        """Note a connection whose TLS is still to be agreed: `give_up` ends that at once."""
        self._connection = connection.dup()
        self._halt.connecting(self)

    def greeted(self) -> None:
        """Note that the connection is made, or never will be."""
        if self._connection:
            self._halt.connected(self)
            self._connection.close()
            self._connection = None

    def give_up(self) -> None:
        """Break a connection that is still being made; from any thread."""
        self.problem = "had not answered when the push was asked to end"
        connection = self._connection
        with suppress(OSError, AttributeError):
            connection.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def may_go_on(self, until: float) -> bool:
        """Whether to go on with a connection that could not be made yet."""
        return time.monotonic() < min(until, self._ends) and not self._halt.hurries

    def silent_at(self) -> float:
        """Return the instant until which the next byte must come."""
        return time.monotonic() + self.silence

    def wait(self, until: float) -> float:
        """Return the seconds to wait for more, a slice at a time, to notice that the push is to end."""
        now = time.monotonic()
        if not self._ending and self._halt.hurries:
            self._ending = True
            self._ends = min(self._ends, now + SETTLE_SECONDS)
        left = min(until, self._ends) - now
        if left > 0:
            return min(left, _SLICE)
        if self._ending:
            self.problem = "had not answered when the push was asked to end"
        elif now < self._ends:
            self.problem = f"did not answer within {self.silence:g} s"
        else:
            self.problem = f"did not finish its answer within {self._whole:g} s"
        raise TimeoutError(self.problem)

    @property
    def may_want_tls(self) -> bool:
        """Whether the other side hung up on plain HTTP: without a word, or with one of TLS."""
        return not self.problem and (not self._first or self._first in _TLS_RECORDS)

    def received(self, piece: memoryview) -> None:
        """Count what came."""
        self._first = self._first or bytes(piece[:1])
        self._room -= len(piece)
        if self._room < 0:
            self.problem = _too_large()
            raise OSError(self.problem)


@contextmanager
def under_way(exchange: Exchange) -> Iterator[None]:
    """Bound what this thread reads meanwhile."""
    _here.exchange = exchange
    try:
        yield
    finally:
        _here.exchange = None
        exchange.greeted()


def current() -> Exchange | None:
    """Return the exchange that this thread is in."""
    return getattr(_here, "exchange", None)


def read_body(raw: Any) -> bytes:
    """Read a response of urllib3 to its end and unpack it.

    Raises:
        Overlong: it is too large, or not packed as it says.
    """
    pieces = []
    while piece := raw.read(_READ_BYTES, decode_content=False):
        pieces.append(piece)
        if raw.length_remaining == 0:
            break
    content = b"".join(pieces)
    encoding = raw.headers.get("content-encoding")
    return _unpacked(content, encoding) if encoding and content else _within(content)


def _unpacked(content: bytes, encoding: str) -> bytes:
    layers = [layer for name in encoding.lower().split(",") if (layer := name.strip()) != "identity"]
    if len(layers) > _MOST_LAYERS:
        raise Overlong("sent a body that is compressed more than twice")
    for layer in reversed(layers):
        if layer not in {"gzip", "x-gzip", "deflate"}:
            raise Overlong("sent a body compressed in a way that was not requested")
        try:
            content = _inflated(content, layer) if content else b""
        except zlib.error:
            raise Overlong("sent a body that cannot be decompressed") from None
    return _within(content)


def _inflated(content: bytes, layer: str) -> bytes:
    """Unpack one layer up to the bound; gzip may come in several members, and what follows is left out."""
    found = b""
    for _ in range(_MOST_MEMBERS):
        if layer != "deflate":
            unpacker = zlib.decompressobj(31)
        else:  # with zlib's header, as it should be, or without
            unpacker = zlib.decompressobj(15 if content[0] & 0x0F == 8 else -15)
        found += unpacker.decompress(content, LARGEST_ANSWER + 1 - len(found))
        _within(found)
        if not unpacker.eof:
            raise zlib.error
        content = unpacker.unused_data
        if layer == "deflate" or not content.startswith(b"\x1f\x8b"):
            break
    return found


def _within(content: bytes) -> bytes:
    if len(content) > LARGEST_ANSWER:
        raise Overlong(_too_large())
    return content


def _too_large() -> str:
    return f"sent an answer of more than {LARGEST_ANSWER // 1024 // 1024} MB"
