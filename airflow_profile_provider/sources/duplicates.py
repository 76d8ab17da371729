"""Rows whose key comes more than once: found over the whole source, before any of its rows is handed out."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import IO, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.private_files import PrivateDatabase, room_for
from airflow_profile_provider.records import Row

AT_ONCE = 100
"""Rows that are written together: each may hold a megabyte."""
NAMED = 5
"""Keys whose places are named where a source is refused for them, and places of a key that are named."""
_NONE: tuple[float, tuple[int, ...]] = (math.inf, ())
"""Behind every row."""


@dataclass(frozen=True)
class Duplicates:
    """How rows that share a key are found.

    ``key_of`` returns what stands for the key of a row in all of its spellings; None where it has no usable
    one. ``passes`` says which rows are handed out, ``place_of`` where people find the record at a position.
    ``go_on`` is asked now and then while the source is read, and may raise what ends the push.
    """

    key_of: Callable[[Row], str | None]
    passes: Callable[[Row], bool]
    place_of: Callable[[int], str]
    go_on: Callable[[], object]

    def refused(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Read a source to its end, then hand out its rows, those of a key that repeats as refused.

        They wait in a private file meanwhile, so that memory does not grow with them.

        Raises:
            SourceError: the source breaks; none of it is handed out, because what repeats is not known.
        """
        with closing(_Keys()) as keys, closing(_Rows()) as kept:
            self._read(rows, keys, kept)
            repeated = keys.repeated()
            position, places = next(repeated, _NONE)
            for row in kept:
                while position < row.position:
                    position, places = next(repeated, _NONE)
                yield row._replace(refused=self._reason(places)) if position == row.position else row

    def none(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Read a source to its end, then hand out its rows if no key repeats.

        Raises:
            SourceError: one does, or the source breaks; none of it is handed out.
        """
        with closing(_Keys()) as keys, closing(_Rows()) as kept:
            self._read(rows, keys, kept)
            if number := keys.number_of_repeated():
                first = "; ".join(map(self._named, keys.first_repeated()))
                raise SourceError(
                    f"{number:,} {'key comes' if number == 1 else 'keys come'} more than once: {first}"
                    f"{'; …' if number > NAMED else ''}. Nothing was sent: correct the source, or choose "
                    'another if_duplicate ("last", "invalid")'
                )
            yield from kept

    def _read(self, rows: Iterable[Row], keys: _Keys, kept: _Rows) -> None:
        for number, row in enumerate(rows):
            if number % 1000 == 0:
                self.go_on()
            if not row.problem and row.verdict is None and (key := self.key_of(row)) is not None:
                keys.add(key, row.position)
            if self.passes(row):
                kept.add(row)

    def _reason(self, places: Sequence[int]) -> str:
        return f"its key comes more than once, in {self._named(places)}; keep one of these rows"

    def _named(self, places: Sequence[int]) -> str:
        """Name records by position, and by file and line where those say more."""
        told = [f"{at} ({where})" if (where := self.place_of(at)) else str(at) for at in places[:NAMED]]
        if len(places) > NAMED:
            return f"records {', '.join(told)} and others"
        return f"records {', '.join(told[:-1])} and {told[-1]}"


class _Keys:
    """The keys of a source and where they are, by their hashes, in a private file."""

    def __init__(self) -> None:
        self._database = PrivateDatabase("keys", SourceError)
        self._database.execute("create table keys (key blob, position integer)")
        self._waiting: list[tuple[bytes, int]] = []

    def add(self, key: str, position: int) -> None:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._waiting.append((digest, position))
        if len(self._waiting) >= 1000:
            self._write()

    def _write(self) -> None:
        self._database.executemany("insert into keys values (?, ?)", self._waiting)
        self._waiting.clear()

    def _sort(self) -> None:
        """Find the keys that repeat: one sort of a file costs less than an index that grows with it."""
        self._write()
        self._database.execute(
            "create table if not exists repeated as select key, min(position) as first from keys "
            "group by key having count(*) > 1"
        )
        self._database.execute("create unique index if not exists of_key on repeated (key)")

    def number_of_repeated(self) -> int:
        """Return how many keys come more than once."""
        self._sort()
        return int(self._database.execute("select count(*) from repeated").fetchone()[0])

    def first_repeated(self) -> list[tuple[int, ...]]:
        """Return where the first of the keys that repeat are."""
        query = "select key from repeated order by first limit ?"
        return [self._places(key) for (key,) in self._database.execute(query, (NAMED,)).fetchall()]

    def repeated(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield each place of a key that repeats, in their order, with all places of that key."""
        self._sort()
        self._database.execute(
            "create table places as select key, position from keys where key in (select key from repeated)"
        )
        self._database.execute("create index places_of_key on places (key, position)")
        for key, position in self._database.execute("select key, position from places order by position"):
            yield position, self._places(key, "places")

    def _places(self, key: bytes, table: str = "keys") -> tuple[int, ...]:
        query = f"select position from {table} where key = ? order by position limit ?"
        return tuple(place for (place,) in self._database.execute(query, (key, NAMED + 1)))

    def close(self) -> None:
        self._database.close()


class _Rows:
    """Rows in a private file; one that cannot be written there stays in memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 -- closed by close()
        self._waiting: list[Row] = []
        self._here: dict[int, Row] = {}

    def add(self, row: Row) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= AT_ONCE:
            self._write()

    def _write(self) -> None:
        try:
            written = pickle.dumps(list(map(tuple, self._waiting)), pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 -- a value of any class raises what it likes
            written = pickle.dumps([self._one(row) for row in self._waiting], pickle.HIGHEST_PROTOCOL)
        with room_for("rows", SourceError):
            self._file.write(written)
        self._waiting.clear()

    def _one(self, row: Row) -> tuple[Any, ...] | int:
        try:
            pickle.dumps(tuple(row), pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 -- a value of any class raises what it likes
            self._here[row.position] = row
            return row.position
        return tuple(row)

    def __iter__(self) -> Iterator[Row]:
        self._write()
        self._file.seek(0)
        while True:
            try:
                chunk = pickle.load(self._file)  # written by this process, readable by nobody else
            except EOFError:
                return
            yield from (self._here[one] if isinstance(one, int) else Row(*one) for one in chunk)

    def close(self) -> None:
        with suppress(OSError):  # that there is no room was said before
            self._file.close()
