"""Where the permits of a shared quota are written down: Redis, PostgreSQL, or an SQLite file.

All three hold the moments of the last permits of each target, in milliseconds of the store's own clock, and
decide in one atomic step: a window is full while its limit-th newest permit is younger than the window.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import uuid4

from airflow_profile_provider.adapters.addresses import (
    POSTGRES,
    REDIS,
    makes_sqlite_file,
    postgres_options,
    redis_options,
    sqlite_path,
    sqlite_uri,
)
from airflow_profile_provider.adapters.deadlines import answering_within
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.outages import outage_of
from airflow_profile_provider.private_files import keep_database_private

if TYPE_CHECKING:
    import psycopg
    from airflow.sdk import Connection

Window = tuple[int, int]
"""A limit, and the milliseconds in which it holds."""
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


class PermitStore(Protocol):
    """The permits of one target."""

    def take(self, windows: Sequence[Window]) -> int:
        """Write a permit down and return 0, or return the milliseconds after which to ask again."""

    def count(self) -> None:
        """Write a permit down, whatever the windows say."""

    def age_of(self, number: int) -> float | None:
        """Return the seconds since the number-th newest permit, from 1; None where there are fewer."""

    def forget(self, milliseconds: int) -> None:
        """Forget the permits that are older than that."""

    def close(self) -> None:
        """Close the connection; the next call opens another."""


def permit_store(connection: Connection, name: str) -> PermitStore:
    """Return the store of a target behind an Airflow connection; it connects when it is first used.

    Raises:
        ConfigurationError: the connection's type keeps no quota, or says what cannot be meant.
        ImportError: the driver is missing.
    """
    kind = str(connection.conn_type)
    if kind in REDIS:
        return RedisPermits(redis_options(connection), name)
    if kind in POSTGRES:
        return PostgresPermits(postgres_options(connection, connect_seconds=ANSWER_SECONDS), name)
    if kind == "sqlite":
        path, uri = sqlite_path(connection), sqlite_uri(connection)
        return SqlitePermits(path, uri, name, make=makes_sqlite_file(connection))
    raise ConfigurationError(
        f"a connection of type {kind} cannot keep a quota; use one of redis, postgres, sqlite"
    )


# -- Redis ------------------------------------------------------------------------------------------------

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {0, now} end
local wait, longest = 0, tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local limit, length = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local found = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
  if found[2] then wait = math.max(wait, tonumber(found[2]) + length + 1 - now) end
end
if wait > 0 then return {wait, now} end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], longest)
return {0, now}
"""
_TAKE_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()
_AGE = """
local time = redis.call('TIME')
local found = redis.call('ZRANGE', KEYS[1], -ARGV[1], -ARGV[1], 'WITHSCORES')
return found[2] and time[1] * 1000 + math.floor(time[2] / 1000) - found[2] or -1
"""
_FORGET = """
local time = redis.call('TIME')
return redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, time[1] * 1000 - ARGV[1])
"""


class RedisPermits:
    """A sorted set.

    A Redis that was restarted has lost the script, and maybe the set: what this process took lately is then
    written down again.
    """

    def __init__(self, options: dict[str, Any], name: str) -> None:
        import redis  # noqa: F401 -- a missing driver is told at once

        self._options = options
        self._name = name
        self._asked = ""
        self._longest = 1000
        self._own: deque[tuple[str, int]] = deque(maxlen=1000)

    @cached_property
    def _client(self) -> Any:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options = dict(self._options)
        if options.pop("cluster", False):
            from redis.cluster import ClusterNode, RedisCluster

            nodes = [ClusterNode(*found) for found in options.pop("startup_nodes")]  # type: ignore[no-untyped-call]
            return RedisCluster(startup_nodes=nodes, **options)
        # By itself it tries again for minutes, and nobody could end that.
        return Redis(**options, retry=Retry(NoBackoff(), 0))

    def take(self, windows: Sequence[Window]) -> int:
        """Write a permit down and return 0, or return the milliseconds after which to ask again."""
        self._longest = max(self._longest, *(length for _, length in windows))
        # Where the answer is lost the permit may be written down: asked for by the same name, it is granted.
        self._asked = self._asked or uuid4().hex
        wait, now = self._run(self._asked, windows)
        if not wait:
            self._own.append((self._asked, now))
            self._asked = ""
        return wait

    def _run(self, asked: str, windows: Sequence[Window]) -> tuple[int, int]:
        from redis.exceptions import NoScriptError

        given = [asked, self._longest, *(number for window in windows for number in window)]
        try:
            wait, now = self._client.evalsha(_TAKE_SHA, 1, self._name, *given)
        except NoScriptError:
            self._client.script_load(_TAKE)
            if self._own:
                self._client.zadd(self._name, dict(self._own), nx=True)
            wait, now = self._client.evalsha(_TAKE_SHA, 1, self._name, *given)
        return int(wait), int(now)

    def count(self) -> None:
        """Write a permit down, whatever the windows say."""
        self._run(uuid4().hex, ())

    def age_of(self, number: int) -> float | None:
        """Return the seconds since the number-th newest permit, from 1; None where there are fewer."""
        age = int(self._client.eval(_AGE, 1, self._name, number))
        return None if age < 0 else age / 1000

    def forget(self, milliseconds: int) -> None:
        """Forget the permits that are older than that."""
        self._client.eval(_FORGET, 1, self._name, milliseconds)

    def close(self) -> None:
        """Close the connections; the next call opens another: its name may lead to another master now."""
        if client := self.__dict__.pop("_client", None):
            with suppress(Exception):
                client.close()
            if pool := getattr(client, "connection_pool", None):
                with suppress(Exception):
                    pool.disconnect()


# -- PostgreSQL and SQLite --------------------------------------------------------------------------------

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
