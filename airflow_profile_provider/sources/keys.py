"""Files of keys: whom another push delivered, or whom somebody listed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, Self

from airflow_profile_provider.errors import InvalidRecord, SourceError
from airflow_profile_provider.private_files import PrivateDatabase
from airflow_profile_provider.records import Row, is_reject
from airflow_profile_provider.sources.json_rows import JsonReader, is_ambiguous
from airflow_profile_provider.sources.lines import TooLong, lines_of, utf8_of
from airflow_profile_provider.sources.packing import bare, unpacked
from airflow_profile_provider.sources.reading import Open, PartsOf, named, source_errors
from airflow_profile_provider.values import exact_key, is_null

_LONGEST_LINE = 65_536


def _alone(path: str) -> Iterable[str]:
    return [path]


def key_line(key: str) -> str:
    """Write a key for a file of keys: bare where it can stand so, else as a JSON string."""
    bare = key.isprintable() and key == key.strip() and key[:1] not in {'"', "{"}
    return key if bare else json.dumps(key, ensure_ascii=False)


def keys_of_file(path: str, open_file: Open, parts_of: PartsOf = _alone) -> Iterator[str]:
    """Read a file of keys: a line each, bare, as a JSON string, or as an object with "key".

    Raises:
        SourceError: it cannot be read, or a line holds no key.
    """
    for part in parts_of(path):
        if part.lower().endswith(".parquet"):
            raise SourceError(f"{named(part)}: a file of keys is text, with a key in each line; write it so")
        with source_errors(part), closing(open_file(part, "rb")) as raw:
            is_json = bare(part).endswith((".jsonl", ".ndjson", ".json"))
            for number, line in enumerate(lines_of(utf8_of(unpacked(part, raw)), _LONGEST_LINE), 1):
                if isinstance(line, TooLong):
                    raise _no_key(part, number)
                if text := line.decode().strip():
                    yield _key(part, number, text, is_json)


def _key(path: str, number: int, text: str, is_json: bool) -> str:
    try:
        return exact_key(_content(text, is_json))
    except (ValueError, KeyError, RecursionError, InvalidRecord):
        raise _no_key(path, number) from None


def _content(text: str, is_json: bool) -> Any:
    """Return what a line holds; a bare key may begin as JSON does."""
    if text[0] not in '{"':
        return text
    try:
        found = JsonReader().read(text)
    except ValueError:
        if is_json or text[:2] == '{"':
            raise
        return text
    if isinstance(found, dict) and is_ambiguous(found, ["key"]):
        raise ValueError
    return found["key"] if isinstance(found, dict) else found


def _no_key(path: str, number: int) -> SourceError:
    return SourceError(
        f"{named(path)}: line {number} holds no key; write the key alone, or a JSON string or object with it"
    )


class KeyFile:
    """The keys of a file, kept on disk so that memory does not grow with them."""

    def __init__(self, path: str, open_file: Open, parts_of: PartsOf = _alone) -> None:
        self.path = path
        self._keys = PrivateDatabase("keys", SourceError)
        self._keys.execute("create table keys (key text primary key, met integer default 0) without rowid")
        keys = ((key,) for key in keys_of_file(path, open_file, parts_of))
        try:
            self._keys.executemany("insert or ignore into keys (key) values (?)", keys)
        except BaseException:
            self.close()
            raise

    def __contains__(self, key: str) -> bool:
        return self._keys.execute("select 1 from keys where key = ?", (key,)).fetchone() is not None

    def __len__(self) -> int:
        """Return how many keys there are."""
        return int(self._keys.execute("select count(*) from keys").fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def meet(self, key: str) -> bool:
        """Note that a key was met, and say whether it is one of these."""
        return self._keys.execute("update keys set met = 1 where key = ?", (key,)).rowcount > 0

    @property
    def met(self) -> int:
        """How many keys were met."""
        return int(self._keys.execute("select count(*) from keys where met = 1").fetchone()[0])

    def close(self) -> None:
        """Forget the keys."""
        self._keys.close()


def rows_only(
    rows: Iterable[Row], keys: KeyFile, column: str, key_column: str | None = None, *, may_miss: bool = False
) -> Iterator[Row]:
    """Pass the rows whose ``column`` holds one of keys.

    Those that could not be read pass, to be counted; so do those whose column holds what no key can be, with
    a problem. The line of a rejects file has its key under a name of its own, where ``column`` is that of
    the key.

    Raises:
        SourceError: none of the keys was met, though there are some, and rows, too; not with ``may_miss``.
    """
    passed = read = 0
    for row in rows:
        read += 1
        if kept := _kept(row, keys, column, key_column or column):
            passed += 1
            yield kept
    if read and not (passed or may_miss) and (number := len(keys)):
        raise SourceError(
            f"none of the {number:,} keys of {named(keys.path)} is in column {column!r} of {read:,} records; "
            'if that is fine, set if_empty="ok"'
        )


def _kept(row: Row, keys: KeyFile, column: str, key_column: str) -> Row | None:
    """Return the row if it passes, perhaps with a problem."""
    if row.problem or not isinstance(row.content, Mapping):
        return row
    if is_reject(row.content) and "fields" in row.content:
        if column != key_column:
            return row._replace(problem=f"a line of the rejects has no column {column}; leave only out")
        column = "key"
    value = row.content.get(column)
    if is_null(value) or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return row if exact_key(value) in keys else None
    except InvalidRecord as error:
        return row._replace(problem=f"column {column}: {error}")
