"""Which tasks are pushes, and which connections they name: read from the DAGs as Airflow keeps them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.options import is_template

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_MARKS = frozenset({"rejects_path", "delivered_path", "approved_plan", "max_failed"})
"""Template fields that every push has, whoever's vendor it is for, and no other operator."""
_OTHER_CONNECTIONS = frozenset({"sql_conn_id", "ledger_conn_id"})
_KEPT = ("ledger_conn_id", "sql_conn_id", "action", "nulls")
_EVENTS = re.compile("<from_events: (.+)>")
"""How `FromEvents` shows itself as records."""
VERSIONS = 10
"""So many versions of a DAG are looked at: a push that was taken out of its DAG is found in an older one."""
_AT_ONCE = 50


WATCHER = "airflow_profile_provider.triggers.profile_changes.ProfileChangesTrigger"


@dataclass(frozen=True, slots=True)
class Place:
    """An outbox: its table, and the columns by which it is known what is owed.

    A task's own names of columns are not told; those of a watcher in its DAG are.
    """

    table: str
    number: str = "id"
    delivered: tuple[str, ...] = ("delivered",)


@dataclass(frozen=True, slots=True)
class PushTask:
    """A task that pushes, and those of its arguments that its DAG gives as they are.

    What is a template, or mapped, is not among ``given``: each of its runs may have had another.
    """

    dag_id: str
    task_id: str
    vendor: str
    given: Mapping[str, Any]
    outbox: Place | None = None
    """The outbox that it reads by its ``sql_conn_id``, if it does."""

    @property
    def argument(self) -> str:
        """Name of the argument that names the vendor's connection."""
        return f"{self.vendor}_conn_id"


_known: dict[tuple[str, str], tuple[PushTask, ...]] = {}
"""The pushes of each version of a DAG, by its id and its hash: none is read twice."""


def push_tasks(session: Session, dag_ids: Collection[str]) -> list[PushTask]:
    """Return the pushes of these DAGs, as the newest version that has them says."""
    from airflow.models.serialized_dag import SerializedDagModel as Kept
    from sqlalchemy import select

    query = select(Kept.id, Kept.dag_id, Kept.dag_hash).order_by(Kept.created_at.desc())
    if len(dag_ids) <= _AT_ONCE:
        query = query.where(Kept.dag_id.in_(dag_ids))
    seen: Counter[str] = Counter()
    wanted: list[tuple[Any, tuple[str, str]]] = []
    for number, dag_id, digest in session.execute(query):
        seen[dag_id] += 1
        if dag_id in dag_ids and seen[dag_id] <= VERSIONS:
            wanted.append((number, (str(number), digest)))
    unread = [number for number, name in wanted if name not in _known]
    for start in range(0, len(unread), _AT_ONCE):
        for kept in session.scalars(select(Kept).where(Kept.id.in_(unread[start : start + _AT_ONCE]))):
            _known[str(kept.id), kept.dag_hash] = tuple(pushes_of(kept.dag_id, kept.data or {}))
            session.expunge(kept)
    found: dict[tuple[str, str], PushTask] = {}
    for _, name in wanted:
        for task in _known.get(name, ()):
            found.setdefault((task.dag_id, task.task_id), task)
    return list(found.values())


def pushes_of(dag_id: str, data: Mapping[str, Any]) -> Iterator[PushTask]:
    """Find the pushes of a DAG in what Airflow keeps of it."""
    dag = data.get("dag") or {}
    watched = {(given["sql_conn_id"], place.table): place for given, place in _watched(dag.get("timetable"))}
    for entry in dag.get("tasks") or ():
        task = entry.get("__var") or {}
        fields = task.get("template_fields") or ()
        if not _MARKS.issubset(fields):
            continue
        arguments = [name for name in fields if name.endswith("_conn_id") and name not in _OTHER_CONNECTIONS]
        if arguments:
            yield _push(dag_id, task, arguments[-1], watched)


def _watched(kept: Any) -> Iterator[tuple[Mapping[str, Any], Place]]:
    """Find the watchers of outboxes anywhere in what Airflow keeps of a schedule."""
    if isinstance(kept, list):
        for part in kept:
            yield from _watched(part)
    elif isinstance(kept, Mapping):
        given = kept.get("kwargs")
        if kept.get("classpath") == WATCHER and isinstance(given, Mapping) and "sql_conn_id" in given:
            yield given, place_of(given)
        for part in kept.values():
            yield from _watched(part)


def place_of(given: Mapping[str, Any]) -> Place:
    """Return what a watcher watches, by the arguments that its trigger is kept with."""
    delivered = given.get("delivered") or "delivered"
    names = (delivered,) if isinstance(delivered, str) else tuple(delivered)
    return Place(str(given.get("table") or "profile_outbox"), str(given.get("id") or "id"), names)


def _push(
    dag_id: str, task: Mapping[str, Any], argument: str, watched: Mapping[tuple[str, str], Place]
) -> PushTask:
    own = (task.get("partial_kwargs") or {}) if task.get("_is_mapped") else task
    given = {name: own[name] for name in (argument, *_KEPT) if _is_plain(own.get(name))}
    vendor = argument.removesuffix("_conn_id")
    if task.get("_is_mapped") and argument not in own and argument not in _mapped(task):
        given[argument] = f"{vendor}_default"
    events = _EVENTS.fullmatch(str(own.get("records"))) if own.get("sql_conn_id") else None
    outbox = watched.get((str(own["sql_conn_id"]), events[1]), Place(events[1])) if events else None
    return PushTask(dag_id, str(task.get("task_id")), vendor, given, outbox)


def _mapped(task: Mapping[str, Any]) -> Iterable[str]:
    value = (task.get("expand_input") or {}).get("value")
    return (value.get("__var") or value) if isinstance(value, Mapping) else ()


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not is_template(value)
