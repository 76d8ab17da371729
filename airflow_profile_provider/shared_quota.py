"""One quota for several tasks and machines, written down in Redis, PostgreSQL or an SQLite file.

The store's buckets are pyrate-limiter's. They count a request when it is sent, so each window is taken longer
by half a percent and a margin, no less than the slowest answers seen lately took: the vendor counts a request
somewhere between its sending and its answer. A slower one counts once more when its answer comes.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError, QuotaFailed
from airflow_profile_provider.quota import bucket_rates
from airflow_profile_provider.vendor import Rate

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from pyrate_limiter import AbstractBucket

STORES = ("redis", "postgres", "sqlite")
_FIRST_MARGIN = 0.1
_LEAST_MARGIN = 0.02
_SHARE = 0.005
"""What of each window is given up for the odd request that is slower than any before it."""
_CONTENDED = 0.005
_BOUNDLESS = 10**9


class SharedBook:
    """Permits that every process with the same store and target takes from the same windows."""

    def __init__(self, bucket: AbstractBucket, rates: Sequence[Rate]) -> None:
        self._bucket = bucket
        self._rates = list(rates)
        self._latencies: deque[float] = deque([_FIRST_MARGIN], maxlen=100)
        self._margin = _FIRST_MARGIN
        self._taken = 0
        self._owed = 0

    def take(self, now: float) -> float:
        """Take a permit and return 0, or return the seconds after which to ask again.

        Raises:
            QuotaFailed: the store does not answer.
        """
        try:
            return self._take()
        except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
            reason = type(error).__name__
        raise QuotaFailed(f"the store of the shared quota failed ({reason}): nothing is sent without it")

    def _take(self) -> float:
        from pyrate_limiter import RateItem

        item = RateItem("permit", self._now())
        if self._bucket.put(item):
            self._taken += 1
            if self._owed:  # this one counts a late request again
                self._owed -= 1
                return _CONTENDED
            if self._taken % 50 == 0:
                self._bucket.leak(item.timestamp)
            return 0.0
        wait: Any = self._bucket.waiting(item)
        return max(float(wait) / 1000, 0.0) + random.uniform(0.2, 1) * _CONTENDED

    def answered(self, now: float, latency: float) -> None:
        """Learn how long answers take; count a late one again."""
        if latency > self._margin:
            with suppress(Exception):  # an answer must not be lost; who takes the next permit is told
                self._count_again()
        self._latencies.append(latency)
        margin = max(_LEAST_MARGIN, 1.1 * max(self._latencies))
        if abs(margin - self._margin) > 0.1 * self._margin:
            self._margin = margin
            self._bucket.rates = bucket_rates(self._rates, margin, _SHARE)

    def _count_again(self) -> None:
        """Count a late request, also where the windows are full: others must not take its place."""
        from pyrate_limiter import Rate as BucketRate
        from pyrate_limiter import RateItem

        rates = self._bucket.rates
        self._bucket.rates = [BucketRate(_BOUNDLESS, rates[-1].interval)]
        try:
            counted = self._bucket.put(RateItem("late", self._now()))
        finally:
            self._bucket.rates = rates
        if not counted:  # PostgreSQL refuses while another writes
            self._owed += 1

    def lower(self, limit: int, seconds: float) -> None:
        """Allow no more than limit in any window of so many seconds."""
        self._rates.append(Rate(limit, seconds))
        self._bucket.rates = bucket_rates(self._rates, self._margin, _SHARE)

    def holds(self, number: int, seconds: float, now: float) -> bool:
        """Whether at least so many requests count in the window that ends now."""
        with suppress(Exception):  # as above
            oldest: Any = self._bucket.peek(number - 1)
            return oldest is not None and oldest.timestamp > self._now() - seconds * 1000
        return False

    def ages(self, now: float) -> list[float]:
        """Return nothing: the store remembers."""
        return []

    def close(self) -> None:
        """Close the store's connections."""
        self._bucket.close()

    def _now(self) -> int:
        return int(self._bucket.now())  # type: ignore[no-untyped-call]


def shared_book(store: Connection, target: str, rates: Sequence[Rate]) -> SharedBook:
    """Open the book of a target (connection type and id) in the store behind an Airflow connection.

    Raises:
        ConfigurationError: the store's type is not supported, its driver is missing, or it does not answer.
    """
    opened = {"redis": _redis, "postgres": _postgres, "sqlite": _sqlite}.get(str(store.conn_type))
    if opened is None:
        raise ConfigurationError(
            f"quota_conn_id: a connection of type {store.conn_type} cannot keep a quota; use one of "
            f"{', '.join(STORES)}"
        )
    name = f"profile_quota_{hashlib.sha256(target.encode()).hexdigest()[:16]}"
    try:
        bucket = opened(store, name, bucket_rates(rates, _FIRST_MARGIN, _SHARE))
    except ImportError as error:
        raise ConfigurationError(
            f"quota_conn_id: {error.name} is missing: "
            f"pip install 'airflow-profile-provider[{store.conn_type}]'"
        ) from None
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
        reason = (
            f"quota_conn_id: {store.conn_id} cannot be used ({type(error).__name__}); check that connection"
        )
    else:
        return SharedBook(bucket, rates)
    raise ConfigurationError(reason)


def _redis(store: Connection, name: str, rates: list[Any]) -> AbstractBucket:
    from pyrate_limiter import RedisBucket
    from pyrate_limiter.buckets.redis_bucket import LuaScript
    from redis import Redis

    class ServerTimed(RedisBucket):
        """Takes the time of the server, so that the machines' clocks need not agree."""

        def now(self) -> int:
            seconds, micros = client.time()
            return int(seconds) * 1000 + int(micros) // 1000

    extra = store.extra_dejson
    options: dict[str, Any] = {
        "host": store.host or "localhost",
        "port": int(store.port or 6379),
        "username": store.login or None,
        "password": store.password or None,
        "db": int(extra.get("db") or store.schema or 0),
        "ssl": bool(extra.get("ssl")),
        "socket_timeout": 10,
    }
    if path := extra.get("unix_socket_path"):
        options = {"unix_socket_path": path, "db": options["db"], "password": options["password"]}
    client = Redis(**options)
    # As it comes, the script counts up to when it was asked, and misses who came in between.
    script = LuaScript.PUT_ITEM.replace("bucket, window_start, now)", "bucket, window_start, '+inf')")
    return ServerTimed(rates, client, name, str(client.script_load(script)))


def _postgres(store: Connection, name: str, rates: list[Any]) -> AbstractBucket:
    from psycopg.conninfo import make_conninfo
    from psycopg_pool import ConnectionPool
    from pyrate_limiter import PostgresBucket

    info = make_conninfo(
        host=store.host or None,
        port=store.port or None,
        user=store.login or None,
        password=store.password or None,
        dbname=store.schema or None,
    )
    pool = ConnectionPool(info, min_size=1, max_size=2, timeout=10, open=False)
    pool.open(wait=True, timeout=10)
    return PostgresBucket(pool, name, rates)


def _sqlite(store: Connection, name: str, rates: list[Any]) -> AbstractBucket:
    from pyrate_limiter import SQLiteBucket

    return SQLiteBucket.init_from_file(rates, table=name, db_path=str(store.host), use_file_lock=True)
