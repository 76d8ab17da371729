"""The part of the page's API that reads ledgers and outboxes: for who may read their connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Query

from airflow_profile_provider.errors import ConfigurationError, ProfileError
from airflow_profile_provider.page.cursors import NoCursor
from airflow_profile_provider.page.ledgers import complaint, ledger_ids, quarantined, reading, story, targets
from airflow_profile_provider.page.outboxes import backlog, places, watchers
from airflow_profile_provider.page.rights import CONNECTION_RIGHTS, ReadableDags, ReadableTasks
from airflow_profile_provider.page.tasks import PushTask

if TYPE_CHECKING:
    from sqlalchemy import Engine

stores_api = APIRouter(prefix="/api", dependencies=CONNECTION_RIGHTS)
Limit = Annotated[int, Query(ge=1, le=200)]


@contextmanager
def _opened(conn_id: str) -> Iterator[Engine]:
    """Open a database, and tell what is wrong with it as HTTP does; our errors name no value."""
    try:
        with reading(conn_id) as engine:
            yield engine
    except NoCursor as error:
        raise HTTPException(400, f"before: {error}") from None
    except (LookupError, ProfileError) as error:
        status = (
            404 if isinstance(error, LookupError) else 409 if isinstance(error, ConfigurationError) else 503
        )
        raise HTTPException(status, complaint(error, conn_id)) from None


@contextmanager
def _ledger(conn_id: str, tasks: list[PushTask]) -> Iterator[Engine]:
    """Open a ledger that some push names; the page is no way into other databases."""
    if conn_id not in ledger_ids(tasks):
        raise HTTPException(
            404,
            f"no push that you may read names {conn_id!r} as its ledger; in Airflow's configuration, "
            "[profiles] ledger_conn_ids adds others",
        )
    with _opened(conn_id) as engine:
        yield engine


@stores_api.get("/ledgers/{connection_id}")
def ledger(tasks: ReadableTasks, connection_id: str) -> dict[str, Any]:
    """Tell what a ledger knows of each target, in numbers."""
    with _ledger(connection_id, tasks) as engine:
        return {"conn_id": connection_id, "targets": targets(engine)}


@stores_api.get("/ledgers/{connection_id}/quarantine")
def quarantine(
    tasks: ReadableTasks, connection_id: str, before: str | None = None, limit: Limit = 50
) -> dict[str, Any]:
    """List the keys that are not sent for now; ``next`` is the ``before`` of the next page."""
    with _ledger(connection_id, tasks) as engine:
        return quarantined(engine, before, limit)


@stores_api.get("/ledgers/{connection_id}/profile")
def profile(
    tasks: ReadableTasks,
    readable: ReadableDags,
    connection_id: str,
    key: Annotated[str, Query(min_length=1, max_length=500)],
    prefix: bool = False,
    before: str | None = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Tell one key's story at every target, or which keys begin so."""
    with _ledger(connection_id, tasks) as engine:
        # What no DAG has pushed (a hook, a command) stands under no DAG.
        return story(engine, key, readable | {""}, prefix=prefix, before=before, limit=limit)


@stores_api.get("/outboxes/{connection_id}")
def outbox(session: SessionDep, tasks: ReadableTasks, connection_id: str) -> dict[str, Any]:
    """Tell what outboxes owe, and whether they are watched."""
    found = places(connection_id, tasks)
    if not found:
        raise HTTPException(404, f"no push that you may read has an outbox behind {connection_id!r}")
    with _opened(connection_id) as engine:
        outboxes = [
            backlog(engine, place) | {"watchers": watchers(session, connection_id, place.table)}
            for place in found
        ]
    return {"conn_id": connection_id, "outboxes": outboxes}
