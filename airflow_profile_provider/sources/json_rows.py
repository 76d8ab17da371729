"""Rows of JSON lines, each read for itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_profile_provider.records import Row, is_reject
from airflow_profile_provider.sources.lines import TooLong, lines_of
from airflow_profile_provider.sources.reading import Reading, quoted
from airflow_profile_provider.sources.replaying import restored
from airflow_profile_provider.values import exact_float


class Twice(dict[str, Any]):
    """An object in which a name stood more than once: which of its values is meant is not known."""

    names: frozenset[str] = frozenset()


class JsonReader:
    """Reads JSON, every digit of it; an object in which a name stands more than once becomes a `Twice`."""

    def __init__(self) -> None:
        self.met_twice = False
        decoder = json.JSONDecoder(object_pairs_hook=self._members, parse_float=exact_float)
        self.read: Callable[[str], Any] = decoder.decode
        self.read_at: Callable[[str, int], tuple[Any, int]] = decoder.raw_decode

    def _members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) == len(pairs):
            return content
        self.met_twice = True
        names = [name for name, _ in pairs]
        twice = Twice(content)
        twice.names = frozenset(name for name in content if names.count(name) > 1)
        return twice


def is_ambiguous(content: Any, columns: Iterable[str] | None = None) -> bool:
    """Whether what is needed of content stood there more than once; ``columns`` None: all is needed."""
    if isinstance(content, Mapping):
        twice = content.names if isinstance(content, Twice) else frozenset()
        needed = content if columns is None else columns
        return any(name in twice or is_ambiguous(content.get(name)) for name in needed)
    return isinstance(content, list) and any(map(is_ambiguous, content))


def rows_of_json_lines(pieces: Iterable[bytes], how: Reading) -> Iterator[Row]:
    """Read a row of each line that is not empty; a line that is no JSON object is a row with a problem."""
    most = how.longest_line
    json_lines = JsonRows(how)
    for number, line in enumerate(lines_of(pieces, most), 1):
        if isinstance(line, TooLong) or len(line) > most:
            start = line.start if isinstance(line, TooLong) else line[:200]
            yield Row(
                number,
                start.decode("utf-8", "replace") + "…",
                problem=f"has more than {most:,} bytes in a line; shorten it, or raise max_record_bytes",
            )
        elif line and not line.isspace():
            yield json_lines.row(number, line)


class JsonRows(JsonReader):
    """Makes rows of records in JSON, whatever stands between them."""

    def __init__(self, how: Reading) -> None:
        super().__init__()
        self._how = how
        self._nulls = frozenset(how.null_values)

    def row(self, number: int, line: bytes) -> Row:
        """Return the row of a line."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return Row(number, line.decode("utf-8", "replace"), problem="is not UTF-8; save the file so")
        self.met_twice = False
        try:
            content = self.read(text)
        except ValueError as error:
            if text.startswith("\ufeff"):  # files with marks, one after the other
                return self.row(number, text.removeprefix("\ufeff").encode())
            where = f" (column {error.colno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
            return Row(number, text, problem=f"is not valid JSON{where}; fix the line")
        except RecursionError:
            return Row(number, text, problem="is nested too deeply; flatten it")
        return self.of(number, text, content)

    def of(self, number: int, text: str, content: Any) -> Row:
        """Return the row of a record that was read: ``content`` is what ``text`` says."""
        if not isinstance(content, dict):
            return Row(number, content, problem="is not a JSON object; a record is one object")
        is_a_reject = "verdict" in content and is_reject(content)
        if self.met_twice and is_ambiguous(content, None if is_a_reject else self._how.columns):
            return Row(number, text, problem=self._ambiguous(content))
        return self._reject(number, content) if is_a_reject else Row(number, content)

    def _ambiguous(self, content: dict[str, Any]) -> str:
        names = content.names if isinstance(content, Twice) else frozenset()
        known = sorted(names.intersection(self._how.columns or ()))
        what = f"member {quoted(known)}" if known else "a member"
        return f"has {what} more than once in an object; it is not clear which one is meant: keep one"

    def _reject(self, number: int, line: dict[str, Any]) -> Row:
        """Return a row as it was before a push wrote it down as undelivered."""
        is_text, types = line.get("text") is True, line.pop("types", None)
        content, problem = restored(line.get("row", line), types)
        if not isinstance(content, dict):
            return Row(
                number,
                content,
                problem="is still a line that cannot be read; correct it",
            )
        if line.get("unread"):
            problem = 'is still a row that cannot be read; correct it, and take "unread" out of the line'
        if problem:
            return Row(number, content, is_text, problem)
        if is_text and self._nulls:
            content = {name: "" if value in self._nulls else value for name, value in content.items()}
        return Row(number, content, text=is_text, replayed=True)
