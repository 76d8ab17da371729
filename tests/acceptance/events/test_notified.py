"""A watcher that PostgreSQL notifies: it looks at once, and goes on looking where nothing is heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.triggers import ProfileChangesTrigger

from .table import Table

NOTIFYING = """
    create or replace function tell_of_profile_changes() returns trigger language plpgsql as $$
    begin
        notify profile_outbox;
        return null;
    end $$;
    create trigger new_changes after insert on profile_outbox
        for each statement execute function tell_of_profile_changes();
"""
HOUR = 3600.0


@pytest.fixture
def notifying(server: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    """An outbox in PostgreSQL whose trigger notifies; the connection "app" leads to it."""
    engine = create_engine(
        f"postgresql+psycopg://{server['login']}@/{server['schema']}?host={server['host']}"
    )
    monkeypatch.setenv("AIRFLOW_CONN_APP", json.dumps(server))
    table = Table(engine)
    table.make()
    with engine.begin() as connection:
        connection.exec_driver_sql(NOTIFYING)
    yield table
    with engine.begin() as connection:
        connection.execute(text("drop table profile_outbox"))
    engine.dispose()


@asynccontextmanager
async def watching(**options: Any) -> AsyncIterator[Callable[[], Any]]:
    """Run a watcher that would look once an hour, and yield what waits for its next event."""
    given = {"poll_seconds": HOUR, "channel": "profile_outbox", **options}
    _, serialized = ProfileChangesTrigger("app", **given).serialize()
    trigger = ProfileChangesTrigger(**json.loads(json.dumps(serialized)))
    events: asyncio.Queue[Any] = asyncio.Queue()

    async def run() -> None:
        async for event in trigger.run():
            events.put_nowait((event.payload["first"], event.payload["last"]))

    async def next_event() -> Any:
        return await asyncio.wait_for(events.get(), 60)

    task = asyncio.create_task(run())
    try:
        yield next_event
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def listening(table: Table, number: int = 1) -> None:
    """Wait until so many sessions listen."""
    query = text("select count(*) from pg_stat_activity where query ilike 'listen %'")
    for _ in range(600):
        with table.engine.connect() as connection:
            if connection.scalar(query) == number:
                return
        await asyncio.sleep(0.1)
    raise AssertionError("nobody listens")


def test_a_commit_is_announced_without_waiting_for_the_next_look(notifying: Table) -> None:
    async def story() -> None:
        async with watching() as next_event:
            await listening(notifying)
            for number in (4, 7):
                notifying.write("a", {"x": 1}, number)
                assert await next_event() == (number, number)

    asyncio.run(story())


def test_what_was_committed_before_anyone_listened_is_announced(notifying: Table) -> None:
    async def story() -> None:
        notifying.write("a", {"x": 1}, 4)
        async with watching() as next_event:
            assert await next_event() == (4, 4)

    asyncio.run(story())


def test_a_session_that_was_ended_is_opened_anew(
    notifying: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is committed meanwhile is found by the next look."""

    async def story() -> None:
        async with watching(poll_seconds=0.5) as next_event:
            await listening(notifying)
            with notifying.engine.begin() as connection:
                connection.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %'"
                    )
                )
            notifying.write("a", {"x": 1}, 4)
            assert await next_event() == (4, 4)
            await listening(notifying)

    asyncio.run(story())
    assert "Nothing is heard on channel profile_outbox (" in capsys.readouterr().out


def test_a_table_that_does_not_notify_is_polled(notifying: Table) -> None:
    async def story() -> None:
        async with watching(poll_seconds=0.5, channel="nobody tells") as next_event:
            await listening(notifying)
            notifying.write("a", {"x": 1}, 4)
            assert await next_event() == (4, 4)

    asyncio.run(story())


def test_nothing_is_left_open_where_a_watcher_ends(notifying: Table) -> None:
    async def story() -> None:
        async with watching():
            await listening(notifying)
        await listening(notifying, 0)

    asyncio.run(story())


def test_a_database_that_does_not_notify_is_polled_and_says_so(
    outbox: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        async with watching(poll_seconds=0.05) as next_event:
            outbox.write("a", {"x": 1}, 4)
            assert await next_event() == (4, 4)

    asyncio.run(story())
    told = "Only PostgreSQL notifies" in capsys.readouterr().out
    assert told == (outbox.engine.dialect.name == "sqlite")


@pytest.mark.parametrize("channel", ["", "  ", "x" * 64, 7])
def test_a_channel_is_a_name(channel: Any) -> None:
    with pytest.raises(ConfigurationError, match="channel must be a name"):
        ProfileChangesTrigger("app", channel=channel)
