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

    from airflow_profile_provider.adapters.listening import Listener

LONGEST_WAIT = 60.0
SHORTEST_WAIT = 0.25
"""Between two looks, however often the database notifies: a flood of commits makes few events."""


class ProfileChangesTrigger(BaseEventTrigger):
    """Announces the rows of an outbox that some consumer is owed; for an ``AssetWatcher``.

    An event names a range: ``{"outbox": table, "first": n, "last": n, "count": n}``. Each row is announced
    once, and again every ``again_seconds`` while it is owed, so that neither a failed push nor a triggerer
    that died loses any. After a restart, Airflow 3.3 knows what was announced; older ones announce it again.

    :param sql_conn_id: connection of the database.
    :param table: the outbox, or schema.table.
    :param id: column of the number that the database counts up.
    :param delivered: column of the mark, or a list of them: rows that any of these consumers is owed.
    :param in_order: the columns are those of systems that come one after the other: whom one of them refused
        is not owed to those after it (see ``after`` of `from_events`).
    :param poll_seconds: time between two looks.
    :param again_seconds: time after which a row that is still owed is announced again.
    :param channel: a channel on which PostgreSQL notifies of new rows; each notification is a reason to look
        at once. Looks every ``poll_seconds`` go on: they find what no notification told of.

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
        in_order: bool = False,
        poll_seconds: float = 2.0,
        again_seconds: float = 300.0,
        channel: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.id = id
        self.delivered = [delivered] if isinstance(delivered, str) else list(delivered)
        self.in_order = in_order
        self.poll_seconds = _positive("poll_seconds", poll_seconds)
        self.again_seconds = _positive("again_seconds", again_seconds)
        self.channel = _channel(channel)
        if not self.delivered:
            raise ConfigurationError("delivered must name a column for each consumer, and names none")

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and its arguments."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "sql_conn_id": self.sql_conn_id,
            "table": self.table,
            "id": self.id,
            "delivered": self.delivered,
            "in_order": self.in_order,
            "poll_seconds": self.poll_seconds,
            "again_seconds": self.again_seconds,
            "channel": self.channel,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, announce, wait; a database that does not answer is asked again, ever less often."""
        announcer, memory = Announcer(self.again_seconds), _Memory(self)
        announcer.recall(await memory.read())
        engine: Engine | None = None
        listener: Listener | None = None
        problems = 0
        try:
            while True:
                wait = self.poll_seconds
                try:
                    if engine is None:
                        engine, listener = await self._open()
                    self._listen(listener)
                    found = await asyncio.to_thread(self._look, engine)
                except Exception as error:  # noqa: BLE001 -- a watcher that ends is watched by nobody
                    await _close(engine, listener)
                    engine = listener = None  # the connection may be another one by now
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
                await self._wait(wait, listener)
        finally:
            await _close(engine, listener)

    def _listen(self, listener: Listener | None) -> None:
        """Let the listener listen, and say so where it could not: rows are found by polling then."""
        if listener is not None and (ended := listener.ensure()):
            self.log.warning(
                "Nothing is heard on channel %s (%s); rows are looked for every %g s until it is",
                self.channel,
                type(ended).__name__,
                self.poll_seconds,
            )

    async def _wait(self, seconds: float, listener: Listener | None) -> None:
        """Wait, or until the database notifies."""
        if listener is None:
            await self.sleep(seconds)
            return
        shortest = min(SHORTEST_WAIT, seconds)
        await self.sleep(shortest)
        waits = [
            asyncio.ensure_future(each) for each in (self.sleep(seconds - shortest), listener.heard.wait())
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        listener.heard.clear()  # before the look: what comes during it is a reason for another one
        for each in done:
            each.result()

    def _look(self, engine: Engine) -> Unmarked:
        return unmarked(engine, self.table, self.id, self.delivered, in_order=self.in_order)

    async def _open(self) -> tuple[Engine, Listener | None]:
        from airflow.providers.common.compat.connection import get_async_connection

        from airflow_profile_provider.adapters.databases import engine_of
        from airflow_profile_provider.adapters.listening import Listener

        connection = await get_async_connection(self.sql_conn_id)
        engine = await asyncio.to_thread(engine_of, connection, create=False)
        listener = None if self.channel is None else Listener.of(connection, self.channel)
        if self.channel is not None and listener is None:
            self.log.warning("Only PostgreSQL notifies: rows are looked for every %g s", self.poll_seconds)
        return engine, listener


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


async def _close(engine: Engine | None, listener: Listener | None) -> None:
    if listener is not None:
        await listener.close()
    if engine is not None:
        engine.dispose()


def _channel(name: str | None) -> str | None:
    if name is not None and (not isinstance(name, str) or not name.strip() or len(name.encode()) > 63):
        raise ConfigurationError(
            "channel must be a name of at most 63 bytes, such as that of the table; None looks every "
            "poll_seconds alone"
        )
    return name


def _positive(name: str, seconds: float) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {seconds!r}")
    return seconds
