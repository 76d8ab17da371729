"""Ledgers and their history as the page shows them; nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.ledger.history_reader import HistoryReader, RecordShown
from airflow_profile_provider.ledger.overview import LedgerOverview
from airflow_profile_provider.page.cursors import NoCursor, read, written
from airflow_profile_provider.page.tasks import PushTask

if TYPE_CHECKING:
    from sqlalchemy import Engine

MASK = "•••"
"""What stands for a key that somebody may not see."""
MOST_KEYS = 50


def ledger_ids(tasks: Iterable[PushTask]) -> list[str]:
    """Return the connections of ledgers: what pushes name, and what Airflow's configuration adds."""
    from airflow.providers.common.compat.sdk import conf

    listed = conf.get("profiles", "ledger_conn_ids", fallback="") or ""
    named = {task.given["ledger_conn_id"] for task in tasks if task.given.get("ledger_conn_id")}
    return sorted(named | {name.strip() for name in listed.split(",") if name.strip()})


@contextmanager
def reading(conn_id: str) -> Iterator[Engine]:
    """Open the database behind a connection, to be read.

    Raises:
        LookupError: there is no such connection.
        ConfigurationError: it cannot be used.
    """
    from airflow.models.connection import Connection
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_profile_provider.adapters.databases import engine_of

    try:
        connection = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise LookupError(conn_id) from None
    engine = engine_of(connection, create=False)
    try:
        yield engine
    finally:
        engine.dispose()


def targets(engine: Engine) -> list[dict[str, Any]]:
    """Return the targets of a ledger in numbers, each with the leases of pushes that are under way."""
    overview = LedgerOverview(engine)
    leases = [lease.as_dict() for lease in overview.leases()]
    return [
        target.as_dict() | {"leases": [lease for lease in leases if lease["target"] == target.target]}
        for target in overview.numbers()
    ]


def quarantined(engine: Engine, before: str | None, limit: int) -> dict[str, Any]:
    """Return keys that are not sent for now, by target and key, and where the page ended, if more follow.

    Raises:
        NoCursor: ``before`` is no such place.
    """
    overview = LedgerOverview(engine)
    at, after = read(before, int, str) if before else (0, "")
    found: list[dict[str, Any]] = []
    places: list[tuple[int, str]] = []
    for number, named in enumerate(overview.names()):
        if number < at or len(found) > limit:
            continue
        rows = overview.quarantined(named, after=after if number == at else "", limit=limit + 1 - len(found))
        found += [row.as_dict() | {"key_type": named.key_type} for row in rows]
        places += [(number, row.key) for row in rows]
    more = len(found) > limit
    return {"quarantine": found[:limit], "next": written(places[limit - 1]) if more else None}


def story(
    engine: Engine, key: str, dags: Collection[str], *, prefix: bool, before: str | None, limit: int
) -> dict[str, Any]:
    """Return what is known of a key at each target, and what became of it in each push, newest first.

    With ``prefix``: which keys begin so, and what is known of them.

    Raises:
        NoCursor: ``before`` is no such place.
    """
    history = HistoryReader(engine)
    known = LedgerOverview(engine).known(key, prefix=prefix, limit=MOST_KEYS)
    told: dict[str, Any] = {"key": key, "prefix": prefix, "entries": [each.as_dict() for each in known]}
    if prefix:
        keys = {each.key for each in known} | set(history.keys(key, dags=dags, limit=MOST_KEYS))
        return told | {"keys": sorted(keys)[:MOST_KEYS], "history": [], "next": None}
    mark = read(before, int, int) if before else None
    lines = history.of_key(key, dags=dags, before=mark, limit=limit + 1)
    return told | {"keys": [], **_page(lines, limit, "history")}


def records(
    engine: Engine, push: Mapping[str, Any], *, masked: bool, before: str | None, limit: int, **only: Any
) -> dict[str, Any]:
    """Return what became of the records of a push, in their order; ``only``: see `HistoryReader.of_push`.

    Raises:
        NoCursor: ``before`` is no such place.
    """
    history = HistoryReader(engine)
    tries = history.pushes_of(push["dag_id"], push["run_id"], push["task_id"], push["map_index"])
    if not tries:
        return {"records": [], "next": None}
    at, after = read(before, int, int) if before else (tries[0], 0)
    if at not in tries:
        raise NoCursor("it is of another push")
    found = _page(history.of_push(at, after=after, limit=limit + 1, **only), limit, "records")
    if masked:
        found["records"] = [line | {"key": MASK} for line in found["records"]]
    return found


def _page(lines: list[RecordShown], limit: int, name: str) -> dict[str, Any]:
    page = lines[:limit]
    return {
        name: [line.as_dict() for line in page],
        "next": written(page[-1].mark) if len(lines) > limit else None,
    }


def complaint(error: Exception, conn_id: str) -> str:
    """Say what is wrong with a database; our errors name no value."""
    if isinstance(error, LookupError):
        return f"there is no connection {conn_id!r}"
    return str(error) if isinstance(error, ProfileError) else type(error).__name__
