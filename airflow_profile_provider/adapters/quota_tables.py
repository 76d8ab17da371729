"""The permits of a shared quota in PostgreSQL or an SQLite file: a table of all targets."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_profile_provider.adapters.deadlines import answering_within
from airflow_profile_provider.delivery.shared_quota import Window
from airflow_profile_provider.outages import outage_of
from airflow_profile_provider.private_files import keep_database_private

if TYPE_CHECKING:
    import psycopg

Result = TypeVar("Result")
TABLE = "profile_quota"
CREATED = (
    f"create table if not exists {TABLE} (target varchar(64) not null, moment bigint not null)",
    f"create index if not exists {TABLE}_newest on {TABLE} (target, moment)",
)
"""What PostgreSQL and SQLite need; made where it is not there."""
ANSWER_SECONDS = 3.0
"""How long PostgreSQL and SQLite may take for one answer; Redis has it from its connection."""
_CONTENDED = 5
"""Milliseconds after which to ask again where another process is at it."""
_MAKING = "profile_quota"
"""What the advisory lock for making the table is named after."""
Raw = TypeVar("Raw")


class _TablePermits(Generic[Raw]):
    """A table of all targets, over one connection that is made again where it was dropped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._raw: Raw | None = None

    def _connect(self) -> Raw:
        raise NotImplementedError

    def _run(self, work: Callable[[Raw], Result]) -> Result:
        """Do something; once more, where a connection that stood idle turns out to be dropped."""
        was_open, began = self._raw is not None, time.monotonic()
        try:
            return self._do(work)
        except Exception as error:
            self.close()
            at_once = time.monotonic() - began < ANSWER_SECONDS / 2
            if not (was_open and at_once and outage_of(error).passing):
                raise
        return self._do(work)

    def _do(self, work: Callable[[Raw], Result]) -> Result:
        if self._raw is None:
            self._raw = self._connect()
        return work(self._raw)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        raw, self._raw = self._raw, None
        if raw is not None:
            with suppress(Exception):
                raw.close()  # type: ignore[attr-defined]


class PostgresPermits(_TablePermits["psycopg.Connection[Any]"]):
    """A table in PostgreSQL; one process at a time decides, under an advisory lock of the transaction."""

    def __init__(self, options: dict[str, Any], name: str) -> None:
        import psycopg  # noqa: F401 -- a missing driver is told at once

        super().__init__(name)
        self._options = options
        self._refused_since: float | None = None

    def _connect(self) -> psycopg.Connection[Any]:
        from psycopg import IsolationLevel

        raw = answering_within(ANSWER_SECONDS).connect(**self._options, autocommit=True)
        raw.isolation_level = IsolationLevel.READ_COMMITTED  # a snapshot is taken after the lock
        if _found(raw.execute("select to_regclass(%s)", (TABLE,))) is None:
            with raw.transaction():
                raw.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (_MAKING,))
                for statement in CREATED:
                    raw.execute(statement)
        return raw

    def take(self, windows: Sequence[Window]) -> int:
        """Write a permit down and return 0, or return the milliseconds after which to ask again."""

        def take(raw: psycopg.Connection[Any]) -> int:
            with raw.transaction():
                if not self._is_alone(raw):
                    return _CONTENDED
                asked, given = _NOW, []
                for limit, _ in windows:
                    asked += ", " + _NEWEST
                    given += [self._name, limit - 1]
                now, *moments = raw.execute(f"select {asked}".encode(), given).fetchone() or (0,)
                wait = _wait(now, windows, moments)
                if not wait:
                    raw.execute(f"insert into {TABLE} values (%s, %s)".encode(), (self._name, now))
            return wait

        return self._run(take)

    def _is_alone(self, raw: psycopg.Connection[Any]) -> bool:
        """Take the target's lock, if nobody has it.

        Raises:
            LockNotAvailable: somebody had it whenever it was asked for lately: a process that stands still.
        """
        from psycopg.errors import LockNotAvailable

        asked = "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
        if _found(raw.execute(asked, (self._name,))):
            self._refused_since = None
            return True
        self._refused_since = self._refused_since or time.monotonic()
        if time.monotonic() - self._refused_since > ANSWER_SECONDS:
            raise LockNotAvailable
        return False

    def count(self) -> None:
        """Write a permit down, whatever the windows say."""
        text = f"insert into {TABLE} select %s, {_NOW}".encode()
        self._run(lambda raw: raw.execute(text, (self._name,)))

    def age_of(self, number: int) -> float | None:
        """Return the seconds since the number-th newest permit, from 1; None where there are fewer."""
        text = f"select {_NOW} - {_NEWEST}".encode()
        age = self._run(lambda raw: _found(raw.execute(text, (self._name, number - 1))))
        return None if age is None else age / 1000

    def forget(self, milliseconds: int) -> None:
        """Forget the permits that are older than that."""
        text = f"delete from {TABLE} where target = %s and moment < {_NOW} - %s".encode()
        self._run(lambda raw: raw.execute(text, (self._name, milliseconds)))


_NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint"
_NEWEST = f"(select moment from {TABLE} where target = %s order by moment desc offset %s limit 1)"


def _found(cursor: Any) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None


class SqlitePermits(_TablePermits[sqlite3.Connection]):
    """A table in an SQLite file; who writes locks it."""

    def __init__(self, path: str, uri: str, name: str, *, make: bool = True) -> None:
        super().__init__(name)
        self._path = path
        self._make = make
        self._uri = uri

    def _connect(self) -> sqlite3.Connection:
        keep_database_private(self._path, make=self._make)
        raw = sqlite3.connect(
            self._uri, uri=True, timeout=ANSWER_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            with suppress(sqlite3.OperationalError):  # not every file system can, and others may be at work
                raw.execute("pragma journal_mode = wal")
            raw.execute("pragma synchronous = normal")
            there = "select 1 from sqlite_master where type = 'table' and name = ?"
            if raw.execute(there, (TABLE,)).fetchone() is None:
                for statement in CREATED:
                    raw.execute(statement)
        except BaseException:
            raw.close()
            raise
        return raw

    def take(self, windows: Sequence[Window]) -> int:
        """Write a permit down and return 0, or return the milliseconds after which to ask again."""

        def take(raw: sqlite3.Connection) -> int:
            raw.execute("begin immediate")
            try:
                now = _milliseconds()
                wait = _wait(now, windows, [self._newest(raw, limit) for limit, _ in windows])
                if not wait:
                    raw.execute(f"insert into {TABLE} values (?, ?)", (self._name, now))
            except BaseException:
                raw.execute("rollback")
                raise
            raw.execute("commit")
            return wait

        return self._run(take)

    def _newest(self, raw: sqlite3.Connection, number: int) -> int | None:
        text = f"select moment from {TABLE} where target = ? order by moment desc limit 1 offset ?"
        found = raw.execute(text, (self._name, number - 1)).fetchone()
        return found and int(found[0])

    def count(self) -> None:
        """Write a permit down, whatever the windows say."""
        text, given = f"insert into {TABLE} values (?, ?)", (self._name, _milliseconds())
        self._run(lambda raw: raw.execute(text, given))

    def age_of(self, number: int) -> float | None:
        """Return the seconds since the number-th newest permit, from 1; None where there are fewer."""
        moment = self._run(lambda raw: self._newest(raw, number))
        return None if moment is None else (_milliseconds() - moment) / 1000

    def forget(self, milliseconds: int) -> None:
        """Forget the permits that are older than that."""
        given = (self._name, _milliseconds() - milliseconds)
        self._run(lambda raw: raw.execute(f"delete from {TABLE} where target = ? and moment < ?", given))


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _wait(now: int, windows: Sequence[Window], newest: Sequence[int | None]) -> int:
    """Return how long one of the windows is full; ``newest`` are the moments of their limit-th newest."""
    pairs = zip(newest, windows, strict=True)
    return max([0, *(moment + length + 1 - now for moment, (_, length) in pairs if moment is not None)])
