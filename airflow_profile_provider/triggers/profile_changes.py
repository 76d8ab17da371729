"""Watches an outbox and announces its rows. It sends nothing, and no value passes through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_profile_provider.errors import ConfigurationError, ProfileError
from airflow_profile_provider.sources.watching import Announcer, Unmarked, unmarked

if TYPE_CHECKING:
    from sqlalchemy import Engine

LONGEST_WAIT = 60.0


class ProfileChangesTrigger(BaseEventTrigger):
    """Announces the rows of an outbox that some consumer is owed; for an ``AssetWatcher``.

    An event names a range: ``{"outbox": table, "first": n, "last": n, "count": n}``. Each row is announced
    once, and again every ``again_seconds`` while it is owed, so that neither a failed push nor a triggerer
    that died loses any. After a restart, Airflow 3.3 knows what was announced; older ones announce it again.

    :param sql_conn_id: connection of the database.
    :param table: the outbox, or schema.table.
    :param id: column of the number that the database counts up.
    :param delivered: column of the mark, or a list of them: rows that any of these consumers is owed.
    :param poll_seconds: time between two looks.
    :param again_seconds: time after which a row that is still owed is announced again.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    clock: Callable[[], float] = staticmethod(time.time)
    sleep: Callable[[float], Awaitable[Any]] = staticmethod(asyncio.sleep)

    def __init__(
        self,
        sql_conn_id: str,
        *,
        table: str = "profile_outbox",
        id: str = "id",  # noqa: A002 -- a column's usual name
        delivered: str | Sequence[str] = "delivered",
        poll_seconds: float = 2.0,
        again_seconds: float = 300.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.id = id
        self.delivered = [delivered] if isinstance(delivered, str) else list(delivered)
        self.poll_seconds = _positive("poll_seconds", poll_seconds)
        self.again_seconds = _positive("again_seconds", again_seconds)
        if not self.delivered:
            raise ConfigurationError("delivered must name a column for each consumer, and names none")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and its arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "sql_conn_id": self.sql_conn_id,
            "table": self.table,
            "id": self.id,
            "delivered": self.delivered,
            "poll_seconds": self.poll_seconds,
            "again_seconds": self.again_seconds,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, announce, wait; a database that does not answer is asked again, ever less often."""
        announcer, memory = Announcer(self.again_seconds), _Memory(self)
        announcer.recall(await memory.read())
        engine: Engine | None = None
        problems = 0
        try:
            while True:
                wait = self.poll_seconds
                try:
                    engine = engine or await self._engine()
                    found = await asyncio.to_thread(self._look, engine)
                except Exception as error:  # noqa: BLE001 -- a watcher that ends is watched by nobody
                    _close(engine)
                    engine = None  # the connection may be another one by now
                    problems += 1
                    wait = min(max(LONGEST_WAIT, wait), wait * 2 ** min(problems, 10))
                    text = str(error) if isinstance(error, ProfileError) else type(error).__name__
                    self.log.warning("The outbox is read again in %.0f s: %s", wait, text)
                else:
                    problems = 0
                    # What was announced a look ago has reached Airflow's database meanwhile.
                    await memory.write(announcer.remembered())
                    if span := announcer.look(found, self.clock()):
                        yield TriggerEvent({"outbox": self.table, **span})  # type: ignore[no-untyped-call]
                await self.sleep(wait)
        finally:
            _close(engine)

    def _look(self, engine: Engine) -> Unmarked:
        return unmarked(engine, self.table, self.id, self.delivered)

    async def _engine(self) -> Engine:
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_profile_provider.adapters.databases import engine_of

        connection = await get_async_connection(self.sql_conn_id)
        return await asyncio.to_thread(engine_of, connection, create=False)


class _Memory:
    """What was announced, in the state store of the watched asset, where Airflow (3.3) has one.

    It spares announcements, and nothing depends on it.
    """

    def __init__(self, trigger: ProfileChangesTrigger) -> None:
        self._store: Any = getattr(trigger, "asset_state_store", None)
        self._key = f"profile_changes {trigger.table} {' '.join(trigger.delivered)}"
        self._log = trigger.log
        self._written: Any = None

    async def read(self) -> Any:
        found = await self._try(lambda: self._store.aget(self._key, []))
        self._written = found
        return found or []

    async def write(self, remembered: list[Any]) -> None:
        if remembered != self._written:
            await self._try(lambda: self._store.aset(self._key, remembered))
            self._written = remembered

    async def _try(self, what: Callable[[], Awaitable[Any]]) -> Any:
        if self._store is None:
            return None
        try:
            return await what()
        except Exception as error:  # noqa: BLE001 -- one trigger may watch for several assets, or the API be away
            self._log.info(
                "After a restart, rows are announced again: no state store (%s)",
                type(error).__name__,
            )
            return None


def _close(engine: Engine | None) -> None:
    if engine is not None:
        engine.dispose()


def _positive(name: str, seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {seconds!r}")
    return seconds
