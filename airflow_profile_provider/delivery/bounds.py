"""An answer has an end: however a server sends it, its time, its size and what it unpacks to are bounded.

urllib3's time-out is for silence alone. A server that sends a byte now and then, headers or interim answers
without end, or a small body that unpacks to a large one would hold a push for ever, or fill its memory. So
the connections of a push read through `_Reading`, which knows until when this thread's exchange may take.
"""

from __future__ import annotations

import io
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPResponse
from typing import Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of the largest answer that is read, unpacked."""
SETTLE_SECONDS = 3.0
"""How long an answer under way is still waited for once a push is asked to end: a killed task has five."""

_LARGEST_HEAD = 1024 * 1024
_SLICE = 0.5
_STRETCH = 3.0
"""Seconds after which a connection that cannot be made is begun anew: the system has asked twice by then."""
_TLS_PORT = 443
_PIECE = 65536
_MOST_LAYERS = 2
_MOST_MEMBERS = 16
_INTERIM = range(101, 200)
_SWITCHING = 101
_here = threading.local()


class Overlong(Exception):
    """An answer was given up: it was too slow, too large, or cannot be unpacked. The text says which."""


class Exchange:
    """One request and its answer: until when it may take, and how much may come.

    ``whole`` bounds the exchange, ``silence`` each wait in it, in seconds; ``halted`` says whether the push
    is asked to end. ``problem`` says why the answer was given up, if it was.
    """

    def __init__(
        self,
        whole: float,
        silence: float,
        halted: Callable[[], object],
        greeting: set[Exchange] | None = None,
    ) -> None:
        self.problem = ""
        self._whole = whole
        self.silence = silence
        self._halted = halted
        self._ends = time.monotonic() + whole
        self._room = LARGEST_ANSWER + _LARGEST_HEAD
        self._ending = False
        self._greeting = greeting
        self._connection: socket.socket | None = None

    def greets(self, connection: socket.socket) -> None:
        """Note a connection whose TLS is still to be agreed: `give_up` ends that at once."""
        if self._greeting is None:
            return
        self._connection = connection.dup()
        self._greeting.add(self)
        if self._halted():
            self.give_up()

    def greeted(self) -> None:
        """Note that the connection is made, or never will be."""
        if self._connection and self._greeting is not None:
            self._greeting.discard(self)
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
        return time.monotonic() < min(until, self._ends) and not self._halted()

    def silent_at(self) -> float:
        """Return the instant until which the next byte must come."""
        return time.monotonic() + self.silence

    def wait(self, until: float) -> float:
        """Return the seconds to wait for more, a slice at a time, to notice that the push is to end."""
        now = time.monotonic()
        if not self._ending and self._halted():
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

    def received(self, count: int) -> None:
        """Count what came."""
        self._room -= count
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


class _Socket(Protocol):
    def settimeout(self, value: float | None, /) -> None: ...
    def recv_into(self, buffer: Any, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...


class _Reading(io.RawIOBase):
    """A connection's stream, as far as its exchange may read it."""

    def __init__(self, connection: _Socket, stream: io.RawIOBase, exchange: Exchange) -> None:
        self._connection = connection
        self._stream = stream  # it keeps the connection open for as long as it is
        self._exchange = exchange
        self.sealed = False
        """Whether the answer is over: what comes now belongs to none."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.sealed:
            return 0
        exchange, connection = self._exchange, self._connection
        until = exchange.silent_at()
        while True:
            connection.settimeout(exchange.wait(until))
            try:
                count = connection.recv_into(buffer)
            except TimeoutError:
                continue
            exchange.received(count)
            return count

    def close(self) -> None:
        if not self.closed:
            with suppress(OSError):
                self._connection.settimeout(self._exchange.silence)
            self._stream.close()
        super().close()

    def hang_up(self) -> None:
        """Let nobody use the connection again."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


class _Opening:
    """A connection whose stream is bounded."""

    def __init__(self, connection: Any, exchange: Exchange) -> None:
        self._connection = connection
        self._exchange = exchange

    def makefile(self, mode: str) -> io.BufferedReader:
        stream = self._connection.makefile(mode, buffering=0)
        return io.BufferedReader(_Reading(self._connection, stream, self._exchange))


class _BoundedResponse(HTTPResponse):
    """Reads through the exchange of its thread, and past interim answers (103) to the one that counts."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        exchange = getattr(_here, "exchange", None)
        opening: Any = _Opening(sock, exchange) if exchange else sock
        super().__init__(opening, *args, **kwargs)

    def begin(self) -> None:
        if exchange := getattr(_here, "exchange", None):
            exchange.greeted()
        super().begin()

    def _read_status(self) -> tuple[str, int, str]:
        read: Callable[[], tuple[str, int, str]] = super()._read_status  # type: ignore[misc]
        found = read()
        while found[1] in _INTERIM and found[1] != _SWITCHING:
            while self.fp.readline(_PIECE).strip():
                pass
            found = read()
        return found

    def _close_conn(self) -> None:
        """Close the stream; a connection on which more has come than the answer is not used again."""
        reading = getattr(self.fp, "raw", None)
        if isinstance(reading, _Reading):
            reading.sealed = True
            if self.fp.peek(1):
                reading.hang_up()
        super()._close_conn()  # type: ignore[misc]


class _Connecting:
    """Makes a connection in stretches, to notice that the push is to end."""

    timeout: float
    default_port: int

    def _new_conn(self) -> socket.socket:
        make: Callable[[], socket.socket] = super()._new_conn  # type: ignore[misc]
        exchange: Exchange | None = getattr(_here, "exchange", None)
        if exchange is None:
            return make()
        whole = self.timeout
        until = time.monotonic() + whole
        try:
            while True:
                self.timeout = max(0.001, min(_STRETCH, until - time.monotonic()))
                try:
                    made = make()
                    break
                except ConnectTimeoutError as error:
                    if isinstance(error, NewConnectionError) or not exchange.may_go_on(until):
                        raise
        finally:
            self.timeout = whole
        made.settimeout(whole)
        if self.default_port == _TLS_PORT:
            exchange.greets(made)
        return made


@cache
def _bounded(pool: type[Any]) -> type[Any]:
    """Return a kind of connection pool whose connections read within bounds."""
    if issubclass(pool.ConnectionCls.response_class, _BoundedResponse):
        return pool
    connection = type(
        pool.ConnectionCls.__name__, (_Connecting, pool.ConnectionCls), {"response_class": _BoundedResponse}
    )
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def bound(adapter: Any) -> None:
    """Let an adapter's connections, also those through proxies, read within bounds."""
    if not isinstance(adapter, HTTPAdapter):
        return

    def bind(manager: Any) -> Any:
        kinds = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {scheme: _bounded(pool) for scheme, pool in kinds.items()}
        return manager

    bind(adapter.poolmanager)
    of_proxy = adapter.proxy_manager_for
    adapter.proxy_manager_for = lambda *args, **kwargs: bind(of_proxy(*args, **kwargs))  # type: ignore[method-assign]


def read_body(raw: Any) -> bytes:
    """Read a response of urllib3 to its end and unpack it.

    Raises:
        Overlong: it is too large, or not packed as it says.
    """
    pieces = []
    while piece := raw.read(_PIECE, decode_content=False):
        pieces.append(piece)
        if raw.length_remaining == 0:
            break
    content = b"".join(pieces)
    encoding = raw.headers.get("content-encoding")
    return _unpacked(content, encoding) if encoding and content else _within(content)


def _unpacked(content: bytes, encoding: str) -> bytes:
    layers = [layer for name in encoding.lower().split(",") if (layer := name.strip()) != "identity"]
    if len(layers) > _MOST_LAYERS:
        raise Overlong("sent a body that is packed more than twice")
    for layer in reversed(layers):
        if layer not in {"gzip", "x-gzip", "deflate"}:
            raise Overlong("sent a body packed in a way that was not asked for")
        try:
            content = _inflated(content, layer) if content else b""
        except zlib.error:
            raise Overlong("sent a body that cannot be unpacked") from None
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
