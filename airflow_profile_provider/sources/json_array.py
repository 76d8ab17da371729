"""Rows of a ``.json`` file: an array of records, read as a stream, or JSON lines after all.

A record that cannot be read costs itself alone, as long as its brackets and quotes are closed: where it ends
is found without understanding it. No record fills the memory, however large it is.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NoReturn

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.json_rows import JsonRows, rows_of_json_lines
from airflow_profile_provider.sources.reading import Reading

_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = re.compile(r'["\[\]{},]')
_IN_TEXT = re.compile(r'["\\]')
_ESCAPED = re.compile("[\ud800-\udfff]")
_NEAR_THE_END = 16
"""A record that goes on in the next piece is wrong only as near to the end as a word or an escape is long."""


def rows_of_json(name: str, pieces: Iterator[bytes], how: Reading) -> Iterator[Row]:
    """Read the records of an array, whose positions are their numbers, or those of JSON lines.

    Raises:
        SourceError: it is one object and no array, or cannot be read any further.
    """
    head = b""
    for piece in pieces:
        head += piece
        if not head.isspace() or len(head) > how.longest_line:
            break
    begin = head.lstrip()
    if begin.startswith(b"["):
        yield from _Array(name, chain([begin], pieces), how).rows()
        return
    more = next(pieces, b"")
    if begin.startswith(b"{") and _is_one_object(begin, is_whole=not more, how=how):
        raise SourceError(
            f"{name} is one JSON object, not an array of records: write the records as an array, or as JSON "
            "lines"
        )
    yield from rows_of_json_lines(chain([head, more], pieces), how)


def _is_one_object(begin: bytes, *, is_whole: bool, how: Reading) -> bool:
    """Whether a file that begins so is one object over several lines, or around an array of records."""
    first, *later = (line for line in begin.splitlines() if not line.isspace() and line)
    try:
        content = JsonRows(how).read(first.decode())
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(error.doc.rstrip()) - 1
        # JSON lines of which the first is broken go on with another object, at the start of a line.
        goes_on = first.rstrip().endswith(b"[") or not (later and later[0].startswith(b"{"))
        return bool(is_cut and later and goes_on)
    except (ValueError, RecursionError):
        return False
    if later or not is_whole or not isinstance(content, dict):
        return False
    wanted = ("key", "fields") if how.columns is None else how.columns
    return not any(name in content for name in wanted) and any(map(_is_records, content.values()))


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


class _Array:
    """An array that is being read: the text at hand, and how far that has been read."""

    def __init__(self, name: str, pieces: Iterable[bytes], how: Reading) -> None:
        self._name = name
        self._pieces = iter(pieces)
        self._most = how.longest_line
        self._rows = JsonRows(how)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False

    def rows(self) -> Iterator[Row]:
        """Read the records."""
        number = 0
        self._next()
        self._at += 1
        while self._next() != "]":
            number += 1
            yield self._record(number)
            if self._next() == ",":
                self._at += 1
        self._at += 1
        if self._next(or_end=True):
            raise SourceError(
                f"{self._name} goes on behind its array, after record {number:,}: write one array"
            )

    def _next(self, *, or_end: bool = False) -> str:
        """Pass over blanks, and return what comes then; empty at the file's end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return "" if or_end else self._cut_off()

    def _more(self) -> bool:
        """Take the next piece in, and forget what was read; False at the file's end."""
        piece = next(self._pieces, None)
        if piece is None and self._ended:
            return False
        self._ended = piece is None
        self._text = self._text[self._at :] + self._decoder.decode(piece or b"", final=piece is None)
        self._at = 0
        return True

    def _cut_off(self) -> NoReturn:
        raise SourceError(
            f"{self._name} ends within its array: it was cut off, or a quote or bracket is open"
        )

    def _record(self, number: int) -> Row:
        """Read one record."""
        problem = ""
        while True:
            self._rows.met_twice = False
            try:
                content, end = self._rows.read_at(self._text, self._at)
            except json.JSONDecodeError as error:
                problem = f"is not valid JSON ({error.msg}); correct it"
                cut = len(self._text) - error.pos <= _NEAR_THE_END or error.msg.startswith("Unterminated")
            except ValueError:
                problem, cut = "holds a number that cannot be read; correct it", False
            except RecursionError:
                problem, cut = "is nested too deeply; flatten it", False
            else:
                problem = "is not valid JSON (no comma behind it); correct it"
                after = _SPACE.match(self._text, end).end()  # type: ignore[union-attr]
                cut = after == len(self._text)
                is_whole = self._text[after : after + 1] in {",", "]"} or (cut and self._ended)
                if is_whole and end - self._at <= self._most:
                    return self._whole(number, content, end)
            if not (cut and len(self._text) - self._at <= self._most and self._more()):
                return self._unread(number, problem)

    def _whole(self, number: int, content: Any, end: int) -> Row:
        text = self._text[self._at : end]
        self._at = end
        if not text.isascii() and _ESCAPED.search(text):
            shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            return Row(number, shown, problem="is not UTF-8; save the file so")
        return self._rows.of(number, text, content)

    def _unread(self, number: int, problem: str) -> Row:
        """Pass over a record that is not read, to the comma or bracket behind it."""
        text = ""
        for piece in self._passed():
            text = (text + piece)[: self._most + 1]
        if len(text) > self._most:
            problem = f"has more than {self._most:,} bytes; shorten it, or raise max_record_bytes"
            text = text[:200] + "…"
        shown = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        return Row(number, shown, problem=problem if text.strip() else "is empty; take one of the commas out")

    def _passed(self) -> Iterator[str]:
        """Yield the text up to where the record ends, piece by piece."""
        depth, in_text, at = 0, False, self._at
        while True:
            found = (_IN_TEXT if in_text else _MARK).search(self._text, at)
            if found is None or (found[0] == "\\" and found.end() == len(self._text)):
                end = found.start() if found else len(self._text)
                yield self._text[self._at : end]
                self._at = at = end
                if not self._more():
                    self._cut_off()
                at = self._at
                continue
            at = found.end()
            if in_text:
                at += found[0] == "\\"
                in_text = found[0] == "\\"
            elif found[0] == '"':
                in_text = True
            elif depth == 0 and found[0] in ",]":
                yield self._text[self._at : found.start()]
                self._at = found.start()
                return
            else:
                depth += {"[": 1, "{": 1, ",": 0}.get(found[0], -1)
                depth = max(depth, 0)
