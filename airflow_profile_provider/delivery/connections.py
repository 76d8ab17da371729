"""Connections that read within the bounds of their thread's exchange: urllib3's, adapted."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from http.client import HTTPResponse
from typing import Any, Protocol

from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from airflow_profile_provider.delivery.bounds import Exchange, current

_STRETCH = 3.0
"""Seconds after which a connection that cannot be made is begun anew: the system has asked twice by then."""
_TLS_PORT = 443
_LONGEST_LINE = 65536
_INTERIM = range(101, 200)
_SWITCHING = 101


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
            exchange.received(memoryview(buffer)[:count])
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

    fp: Any = None  # so that one whose stream could not be opened can be closed

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        exchange = current()
        opening: Any = _Opening(sock, exchange) if exchange else sock
        super().__init__(opening, *args, **kwargs)

    def begin(self) -> None:
        if exchange := current():
            exchange.greeted()
        super().begin()

    def _read_status(self) -> tuple[str, int, str]:
        read: Callable[[], tuple[str, int, str]] = super()._read_status  # type: ignore[misc]
        found = read()
        while found[1] in _INTERIM and found[1] != _SWITCHING:
            while self.fp.readline(_LONGEST_LINE).strip():
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
        exchange = current()
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
    connection = type(
        pool.ConnectionCls.__name__, (_Connecting, pool.ConnectionCls), {"response_class": _BoundedResponse}
    )
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def _is_bound(manager: Any) -> bool:
    kinds = manager.pool_classes_by_scheme.values()
    return all(issubclass(kind.ConnectionCls, _Connecting) for kind in kinds)


def bound(adapter: Any) -> None:
    """Let an adapter's connections, also those through proxies, read within bounds; once is enough."""
    if not isinstance(adapter, HTTPAdapter) or _is_bound(adapter.poolmanager):
        return

    def bind(manager: Any) -> Any:
        if not _is_bound(manager):
            kinds = manager.pool_classes_by_scheme
            manager.pool_classes_by_scheme = {scheme: _bounded(pool) for scheme, pool in kinds.items()}
        return manager

    bind(adapter.poolmanager)
    of_proxy = adapter.proxy_manager_for
    adapter.proxy_manager_for = lambda *args, **kwargs: bind(of_proxy(*args, **kwargs))  # type: ignore[method-assign]
