"""How a hostile vendor answers. An act gets the honest answer and a connection, and does its worst."""

from __future__ import annotations

import gzip
import itertools
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from neighbourhood.serving import Asked, reset

Say = Callable[[socket.socket, "Honest"], None]


@dataclass(frozen=True, slots=True)
class Honest:
    """What the vendor itself answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def head(self, **changed: str | None) -> bytes:
        """The status line and headers, some changed, added or (None) left out; ``_`` stands for a dash."""
        headers = {name.title(): value for name, value in self.headers.items()}
        headers["Content-Length"] = str(len(self.body))
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}  # type: ignore[dict-item]
        lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
        return f"HTTP/1.1 {self.status} Said\r\n{''.join(lines)}\r\n".encode("latin-1")

    def whole(self) -> bytes:
        """The answer as it would be sent."""
        return self.head() + (b"" if self.status == 204 else self.body)


def writes(asked: Asked) -> bool:
    """Whether a request writes, to the vendors that we know: no reading, no token, no probe."""
    path = asked.path.lower()
    reads = any(word in path for word in ("token", "/get_", "validate"))
    return asked.method not in {"GET", "HEAD"} and not reads


@dataclass(frozen=True)
class Act:
    """An answer, and when it is given.

    ``on`` picks the requests, ``times`` counts how often (None: for ever). The vendor ``carries_out`` what
    was asked before it is answered so, unless told otherwise.
    """

    say: Say
    on: Callable[[Asked], bool] = writes
    times: int | None = 1
    carries_out: bool = True


def drip(content: Callable[[Honest], bytes], gap: float) -> Say:
    """Send a byte at a time, with a gap after each."""

    def say(connection: socket.socket, honest: Honest) -> None:
        for byte in content(honest):
            connection.sendall(bytes([byte]))
            time.sleep(gap)

    return say


def endless(start: Callable[[Honest], bytes], more: bytes, gap: float = 0.0) -> Say:
    """Send more and more, without end."""

    def say(connection: socket.socket, honest: Honest) -> None:
        connection.sendall(start(honest))
        for _ in itertools.count():
            connection.sendall(more)
            time.sleep(gap)

    return say


def raw(content: Callable[[Honest], bytes], *, hang_up: bool = True) -> Say:
    """Send these bytes, and hang up (or leave the connection open and say no more)."""

    def say(connection: socket.socket, honest: Honest) -> None:
        connection.sendall(content(honest))
        if hang_up:
            connection.shutdown(socket.SHUT_RDWR)

    return say


def body(content: bytes, status: int = 200, **headers: str) -> Say:
    """Send a whole, well-formed answer with another body."""
    headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return raw(lambda honest: Honest(status, headers, content).whole(), hang_up=False)


def silent(connection: socket.socket, honest: Honest) -> None:
    """Say nothing, for long."""
    time.sleep(600)


def broken(connection: socket.socket, honest: Honest) -> None:
    """Reset the connection."""
    reset(connection)


def bomb(kind: str, size: int = 200_000_000) -> Say:
    """Send a small body that unpacks to a large one: gzip, deflate, or gzip in gzip."""

    def say(connection: socket.socket, honest: Honest) -> None:
        zeros = b"0" * 1_000_000
        packer = zlib.compressobj(9, zlib.DEFLATED, 15 if kind == "deflate" else 31)
        packed = b"".join([*(packer.compress(zeros) for _ in range(size // len(zeros))), packer.flush()])
        if kind == "gzip, gzip":
            packed = gzip.compress(packed)
        answer = Honest(200, {"content-type": "application/json", "content-encoding": kind}, packed)
        connection.sendall(answer.whole())

    return say


_JSON = "application/json"
ENDLESS: dict[str, Say] = {
    "header dripped": drip(lambda honest: honest.head(), 0.05),
    "one byte for ever": endless(lambda honest: b"H", b"", 0.05),
    "body dripped": endless(lambda honest: honest.head(Content_Length="1000000"), b" ", 0.05),
    "body dripped to the end of the connection": endless(
        lambda honest: honest.head(Content_Length=None, Connection="close"), b" ", 0.05
    ),
    "chunks dripped": endless(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked"), b"1\r\n \r\n", 0.05
    ),
    "headers without end": endless(lambda honest: b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"),
    "one header without end": endless(lambda honest: b"HTTP/1.1 200 OK\r\nX-More: ", b"more" * 1000),
    "100 without end": endless(lambda honest: b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 without end": endless(lambda honest: b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.001),
    "100 dripped": endless(lambda honest: b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.05),
    "body without end": endless(
        lambda honest: honest.head(Content_Length=None, Connection="close"), b" " * 65536
    ),
    "chunks without end": endless(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked"),
        b"10000\r\n" + b" " * 65536 + b"\r\n",
    ),
    "trailers without end": endless(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked") + b"2\r\n{}\r\n0\r\n",
        b"X-More: and more\r\n",
    ),
    "silence": silent,
    "a body of 40 MB": raw(
        lambda honest: Honest(200, {"content-type": _JSON}, b'"' + b"0" * 40_000_000 + b'"').whole(),
        hang_up=False,
    ),
    "a gzip bomb": bomb("gzip"),
    "a deflate bomb": bomb("deflate"),
    "a gzip bomb in gzip": bomb("gzip, gzip"),
}
"""Answers that do not end by themselves, or that are larger than any answer is."""

LYING: dict[str, Say] = {
    "a length too long": raw(lambda honest: honest.head(Content_Length="999999") + honest.body),
    "a length of a terabyte": raw(lambda honest: honest.head(Content_Length=str(10**12)) + honest.body),
    "a chunk that is cut": raw(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked") + b"ff\r\n{"
    ),
    "a chunk of a terabyte": raw(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked") + b"ffffffffff\r\n{"
    ),
    "a chunk length that is none": raw(
        lambda honest: honest.head(Content_Length=None, Transfer_Encoding="chunked") + b"soon\r\n{}"
    ),
    "two lengths": raw(lambda honest: honest.head(Content_Length="2, 7") + b"{}" + b" " * 5),
    "gzip that is none": body(b'{"id": "1"}', content_encoding="gzip"),
    "gzip that is cut": body(gzip.compress(b'{"id": "1"}' * 50)[:-20], content_encoding="gzip"),
    "an encoding that nobody asked for": body(b"\x0b\x02\x80{}\x03", content_encoding="br"),
    "no HTTP at all": raw(lambda honest: b"\x16\x03\x01\x02\x00\x01\x00" * 9),
    "another protocol": raw(lambda honest: b"SSH-2.0-OpenSSH_9.9\r\n"),
    "a status that is none": raw(lambda honest: b"HTTP/1.1 2OO OK\r\n\r\n"),
    "HTTP/9": raw(lambda honest: b"HTTP/9.0 200 OK\r\n\r\n"),
    "headers that are none": raw(lambda honest: b"HTTP/1.1 200 OK\r\n\x00\xff\r\nnonsense\r\n: \r\n\r\n"),
    "half an answer": raw(lambda honest: honest.whole()[: len(honest.whole()) // 2]),
    "nothing": raw(lambda honest: b""),
    "a reset": broken,
}
"""Answers that are cut, or not what their header says."""

UNREADABLE: dict[str, Say] = {
    "100,000 opening brackets": body(b"[" * 100_000),
    "900 levels": body(b"[" * 900 + b"]" * 900),
    "900 levels of objects": body(b'{"Id": ' * 900 + b"1" + b"}" * 900),
    "an integer of 5,000 digits": body(b'{"id": ' + b"9" * 5000 + b"}"),
    "not a number": body(b'{"id": NaN, "code": -Infinity}'),
    "half a character": body(b'{"id": "\xff\xfe", "\xd8": 1}'),
    "two objects": body(b'{"id": "1"}{"id": "2"}'),
    "another site's page": body(b"<html>Welcome to nginx!</html>", content_type="text/html"),
    "no bytes": body(b""),
    "a number": body(b"17"),
    "a text": body(b'"OK"'),
}
"""Whole answers with bodies that no vendor sends."""

ACTS: dict[str, Say] = {**ENDLESS, **LYING, **UNREADABLE}
