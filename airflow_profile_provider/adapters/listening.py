"""Hears what PostgreSQL notifies of, so that who polls a table need not wait for the next look."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.adapters.addresses import POSTGRES, postgres_options

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


class Listener:
    """Listens on a channel of PostgreSQL, in the running event loop.

    `heard` is set by each notification, and once more where the listening begins: what was committed just
    before it is noticed, too. A notification is no more than a hint. Whoever listens looks by itself now and
    then, for one may be lost: while the connection is made anew, or behind a pooler that lends connections
    by the transaction.

    https://www.postgresql.org/docs/current/sql-notify.html
    """

    def __init__(self, connection: Connection, channel: str) -> None:
        self._options = postgres_options(connection)
        self._channel = channel
        self._task: asyncio.Task[None] | None = None
        self.heard = asyncio.Event()

    @classmethod
    def of(cls, connection: Connection, channel: str) -> Listener | None:
        """Return a listener; None where the database is none that notifies."""
        return cls(connection, channel) if connection.conn_type in POSTGRES else None

    def ensure(self) -> Exception | None:
        """Listen, if that has not begun or has ended; return why it ended."""
        ended = None
        if self._task is not None and self._task.done():
            ended = None if self._task.cancelled() else self._task.exception()
            self._task = None
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
        return ended if isinstance(ended, Exception) else None

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        from psycopg import AsyncConnection, sql

        given: dict[str, Any] = {**self._options, "autocommit": True}
        async with await AsyncConnection.connect(**given) as open_connection:
            await open_connection.execute(sql.SQL("listen {}").format(sql.Identifier(self._channel)))
            self.heard.set()
            async for _ in open_connection.notifies():
                self.heard.set()
