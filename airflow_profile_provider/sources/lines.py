"""Lines of a text file, whatever wrote it: UTF-8 or UTF-16, a mark at its start, any ending of lines.

A file is read piece by piece. No line without an end, and no quote that is never closed, fills the memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

READ_BYTES = 1 << 18
"""How much of a file is read in one go: large enough for object storage, small beside a worker's memory."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was passed over, for it has more than the most bytes that are read; how it begins."""

    start: bytes


def blocks_of_lines(pieces: Iterable[bytes], most: int) -> Iterator[bytes | TooLong]:
    """Yield whole lines, as many as a piece holds; one of more than ``most`` bytes is passed over.

    Lines within a block may be longer than that by as much as a piece holds.
    """
    rest = b""
    skipping = False
    for piece in pieces:
        data = rest + piece if rest else piece
        if skipping:
            end = _first_end(data)
            if not end:
                rest = data[-1:]  # perhaps the first half of a line's end
                continue
            data, skipping = data[end:], False
        end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
        if end:
            yield data[:end]
        rest = data[end:]
        if len(rest) > most:
            yield TooLong(rest[:200])
            rest, skipping = rest[-1:], True
    if rest and not skipping:
        yield rest


def lines_of(pieces: Iterable[bytes], most: int) -> Iterator[bytes | TooLong]:
    """Yield lines without their ends."""
    for block in blocks_of_lines(pieces, most):
        if isinstance(block, TooLong):
            yield block
        else:
            yield from block.splitlines()


def _first_end(data: bytes) -> int:
    """Return where the second line begins, or 0 where that is not certain yet."""
    ends = [end for end in (data.find(b"\n"), data.find(b"\r", 0, len(data) - 1)) if end >= 0]
    if not ends:
        return 0
    end = min(ends)
    return end + (2 if data[end : end + 2] == b"\r\n" else 1)


def utf8_of(raw: IO[bytes], encoding: str | None = None) -> Iterator[bytes]:
    """Yield the pieces of a file in UTF-8, without the mark at its start.

    A mark says which encoding it is in; without one, it is in ``encoding``, or in UTF-8 or UTF-16. Bytes that
    are nothing in it become what is no UTF-8 either.
    """
    first = b""
    while len(first) < 4 and (piece := raw.read(READ_BYTES)):
        first += piece
    marked = next((name for mark, name in _MARKS if first.startswith(mark)), None)
    if encoding and not marked and not first.startswith(codecs.BOM_UTF8):
        errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        yield from _decoded(first, raw, encoding, errors)
    elif found := marked or _looks_like(first):
        yield from _decoded(first, raw, found, "surrogatepass")
    else:
        yield first.removeprefix(codecs.BOM_UTF8)
        while piece := raw.read(READ_BYTES):
            yield piece


def _decoded(first: bytes, raw: IO[bytes], encoding: str, errors: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors=errors)
    piece = first
    while piece:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
        piece = raw.read(READ_BYTES)
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _looks_like(first: bytes) -> str | None:
    """Name the encoding of a file without a mark that is not UTF-8; no text has a null character."""
    if len(first) > 1 and 0 in first[:2] and first[:2] != b"\0\0":
        return "utf-16-le" if first[1] == 0 else "utf-16-be"
    return None
