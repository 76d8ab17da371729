"""The permits of a shared quota in Redis."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any
from uuid import uuid4

from airflow_profile_provider.delivery.shared_quota import Window

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
