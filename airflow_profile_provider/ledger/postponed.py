"""Changes that are not sent before the rest of the source has shown whether a later row takes their place."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter

from airflow_profile_provider.errors import OutputFailed
from airflow_profile_provider.private_files import PrivateDatabase
from airflow_profile_provider.records import Change

_BITS = 23
_OF_CHANGE = attrgetter(*(one.name for one in fields(Change)))


class Seen:
    """Keys, in a megabyte however many there are: now and then one is taken for another."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << _BITS - 3)

    def add(self, key: str) -> bool:
        """Note a key, and return whether it was noted before."""
        byte, bit = self._place(key)
        known = bool(self._bits[byte] & bit)
        self._bits[byte] |= bit
        return known

    def __contains__(self, key: object) -> bool:
        """Whether a key was noted."""
        byte, bit = self._place(key)
        return bool(self._bits[byte] & bit)

    @staticmethod
    def _place(key: object) -> tuple[int, int]:
        place = hash(key) & (1 << _BITS) - 1
        return place >> 3, 1 << (place & 7)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waits, the fingerprint of its row, and the names of what differs from the ledger."""

    change: Change
    row: bytes
    different: frozenset[str]


class Postponed:
    """Changes by key, in a private file, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._number = 0

    @cached_property
    def _seen(self) -> Seen:
        return Seen()

    @cached_property
    def _database(self) -> PrivateDatabase:
        database = PrivateDatabase("rows that wait for a later one", OutputFailed)
        database.execute("create table waiting (number integer primary key, key text, waiting blob)")
        database.execute("create index of_key on waiting (key)")
        return database

    def __contains__(self, key: object) -> bool:
        """Whether there may be changes of a key."""
        return self._number > 0 and key in self._seen

    def add(self, key: str, waiting: Waiting) -> None:
        """Let a change wait."""
        self._number += 1
        self._seen.add(key)
        kept = pickle.dumps((_OF_CHANGE(waiting.change), waiting.row, waiting.different), protocol=5)
        self._database.execute("insert into waiting values (?, ?, ?)", (self._number, key, kept))

    def of(self, key: str) -> list[Waiting]:
        """Return the changes of a key, oldest first."""
        if key not in self:
            return []
        found = self._database.execute("select waiting from waiting where key = ? order by number", (key,))
        return [_read(kept) for (kept,) in found]

    def remove(self, key: str) -> None:
        """Let those of a key wait no longer."""
        self._database.execute("delete from waiting where key = ?", (key,))

    def take(self, most: int) -> list[Waiting]:
        """Take the oldest of all."""
        if not self._number:
            return []
        query = "select number, waiting from waiting order by number limit ?"
        found = self._database.execute(query, (most,)).fetchall()
        if found:
            self._database.execute("delete from waiting where number <= ?", (found[-1][0],))
        return [_read(kept) for _, kept in found]

    def drain(self) -> Iterator[Waiting]:
        """Take all of them, and close the file."""
        while taken := self.take(1000):
            yield from taken
        if self._number:
            self._database.close()
            del self._database
            self._number = 0


def _read(kept: bytes) -> Waiting:
    change, row, different = pickle.loads(kept)  # written by this process, readable by nobody else
    return Waiting(Change(*change), row, different)
