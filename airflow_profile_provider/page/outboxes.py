"""Outboxes as the page shows them: what is owed, since when, and whether somebody watches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.page.tasks import WATCHER, Place, PushTask, place_of
from airflow_profile_provider.sources.outbox import table_of
from airflow_profile_provider.sources.watching import NEWEST, unmarked

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session


def outbox_ids(tasks: Iterable[PushTask]) -> list[str]:
    """Return the connections of outboxes that pushes read."""
    return sorted(
        {task.given["sql_conn_id"] for task in tasks if task.outbox and "sql_conn_id" in task.given}
    )


def places(conn_id: str, tasks: Iterable[PushTask]) -> list[Place]:
    """Return the outboxes behind a connection, each once."""
    found = [task.outbox for task in tasks if task.outbox and task.given.get("sql_conn_id") == conn_id]
    return list(dict.fromkeys(found))


def watchers(session: Session, conn_id: str, table: str) -> list[bool]:
    """Return of each watcher of an outbox that Airflow keeps whether a triggerer runs it now."""
    from airflow.models.trigger import Trigger
    from sqlalchemy import select

    kept = session.scalars(select(Trigger).where(Trigger.classpath == WATCHER))
    return [alive for trigger in kept if (alive := _is_alive(trigger, conn_id, table)) is not None]


def _is_alive(trigger: Any, conn_id: str, table: str) -> bool | None:
    """Whether a triggerer runs a watcher; None where it watches something else."""
    with suppress(Exception):  # what another version wrote, or with another key
        given: Mapping[str, Any] = trigger.kwargs
        if (given["sql_conn_id"], place_of(given).table) == (conn_id, table):
            job = trigger.triggerer_job
            return bool(job and job.is_alive())
    return None


def backlog(engine: Engine, place: Place) -> dict[str, Any]:
    """Return how much is owed, counted up to a bound, and which row is the oldest; or why that is unknown."""
    told = {"table": place.table, "delivered": list(place.delivered), "problem": None}
    try:
        found = unmarked(engine, place.table, place.number, place.delivered)
    except SourceError as error:
        return told | {"problem": str(error), "owed": None, "oldest_id": None, "oldest_created": None}
    return told | {
        "owed": len(found.ids),
        "owed_at_least": len(found.ids) >= NEWEST,
        "oldest_id": found.oldest,
        "oldest_created": None if found.oldest is None else _created(engine, place, found.oldest),
    }


def _created(engine: Engine, place: Place, number: int) -> str | None:
    """Return when a row was written, where the table has the column that our documentation gives it."""
    from sqlalchemy import select

    table = table_of(place.table, [place.number, "created"])
    with suppress(Exception), engine.connect() as connection:
        query = select(table.c.created).where(table.c[place.number] == number)
        at = connection.execute(query).scalar()
        return _instant(at)
    return None


def _instant(at: Any) -> str:
    """Write down an instant; SQLite's ``current_timestamp`` is a text, and names no zone."""
    read = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).isoformat()
