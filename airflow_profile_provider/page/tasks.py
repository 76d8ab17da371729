"""Which tasks are pushes, and which connections they name: read from the DAGs as Airflow keeps them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class _Known:
    """The pushes of a version of a DAG, as they were when that had this hash.

    ``final``: a newer version was there already, so that Airflow will not write this one anew.
    """

    digest: str
    final: bool
    pushes: tuple[PushTask, ...]


_known: dict[Any, _Known] = {}
"""By the version's id. No version is read twice, unless it was written anew."""


def push_tasks(session: Session, dag_ids: Collection[str]) -> list[PushTask]:
    """Return the pushes of these DAGs, as the newest version that has them says."""
    versions = _versions(session, dag_ids)
    _learn(session, {number: place > 1 for number, place in versions})
    found: dict[tuple[str, str], PushTask] = {}
    for number, _ in versions:
        for task in _known[number].pushes if number in _known else ():
            found.setdefault((task.dag_id, task.task_id), task)
    return list(found.values())


def _versions(session: Session, dag_ids: Collection[str]) -> list[tuple[Any, int]]:
    """Return the last versions of DAGs, those of each newest first, with their places among these.

    They are asked of the small table of versions: of that with what a DAG is made of, databases read it all.
    """
    from airflow.models.dag_version import DagVersion as Version
    from sqlalchemy import func, select

    place = func.row_number().over(partition_by=Version.dag_id, order_by=Version.version_number.desc())
    ranked = select(Version.id, Version.dag_id, place.label("place"))
    if len(dag_ids) <= _AT_ONCE:
        ranked = ranked.where(Version.dag_id.in_(dag_ids))
    few = ranked.subquery()
    query = select(few.c.id, few.c.dag_id, few.c.place).where(few.c.place <= VERSIONS)
    rows = session.execute(query.order_by(few.c.place))
    return [(number, at) for number, dag_id, at in rows if dag_id in dag_ids]


def _learn(session: Session, versions: Mapping[Any, bool]) -> None:
    """Read the pushes of versions that are not known, or were written anew since."""
    from airflow.models.serialized_dag import SerializedDagModel as Kept
    from sqlalchemy import select

    unsure = [number for number in versions if number not in _known or not _known[number].final]
    for start in range(0, len(unsure), _AT_ONCE):
        some = unsure[start : start + _AT_ONCE]
        unread = []
        query = select(Kept.dag_version_id, Kept.dag_hash).where(Kept.dag_version_id.in_(some))
        for number, digest in session.execute(query):
            if number in _known and _known[number].digest == digest:
                _known[number] = replace(_known[number], final=versions[number])
            else:
                unread.append(number)
        for kept in session.scalars(select(Kept).where(Kept.dag_version_id.in_(unread))) if unread else ():
            pushes = tuple(pushes_of(kept.dag_id, kept.data or {}))
            _known[kept.dag_version_id] = _Known(kept.dag_hash, versions[kept.dag_version_id], pushes)
            session.expunge(kept)


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
