"""Pushes as Airflow knows them: task instances, newest first, and what each left in XCom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_profile_provider.page.cursors import NoCursor, read, written
from airflow_profile_provider.page.tasks import PushTask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

RESULT = "return_value"
_STATE = "profile_push"
_PROGRESS = "profile_push_progress"
"""Where a push keeps how far it has come, where Airflow has a store for it (`adapters/checkpoints.py`)."""


class Instance(NamedTuple):
    """One task instance of a push."""

    id: Any
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: str | None
    start: datetime
    end: datetime | None = None

    @property
    def name(self) -> tuple[str, str, str, int]:
        """What names it in XCom and elsewhere."""
        return self.dag_id, self.run_id, self.task_id, self.map_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which pushes are asked for; None and nothing stand for all."""

    states: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    """The end of the page before, as `cursor_of` wrote it."""
    run_id: str | None = None
    map_index: int | None = None
    limit: int = field(default=50)


def cursor_of(instance: Instance) -> str:
    """Write down where a page ended."""
    return written([instance.start.isoformat(), str(instance.id)])


def _place(cursor: str, kind: type) -> tuple[datetime, Any]:
    start, number = read(cursor, str, str)
    try:
        at, last = datetime.fromisoformat(start), kind(number)
    except ValueError:
        raise NoCursor("no page ended there") from None
    if at.tzinfo is None:
        raise NoCursor("it has no zone")
    return at, last


def instances(session: Session, tasks: Iterable[PushTask], wanted: Wanted) -> list[Instance]:
    """Return task instances of these tasks that were started, those started last first.

    Raises:
        NoCursor: ``before`` is none.
    """
    from airflow.models.taskinstance import TaskInstance as Kept
    from sqlalchemy import and_, or_, select

    by_dag: dict[str, list[str]] = {}
    for task in tasks:
        by_dag.setdefault(task.dag_id, []).append(task.task_id)
    if not by_dag:
        return []
    # By DAG and task, so that an index finds them among all other task instances.
    query = select(
        Kept.id,
        Kept.dag_id,
        Kept.run_id,
        Kept.task_id,
        Kept.map_index,
        Kept.try_number,
        Kept.state,
        Kept.start_date,
        Kept.end_date,
    ).where(
        or_(*(and_(Kept.dag_id == dag, Kept.task_id.in_(names)) for dag, names in by_dag.items())),
        Kept.start_date.is_not(None),
    )
    if wanted.states:
        query = query.where(Kept.state.in_(wanted.states))
    if wanted.since:
        query = query.where(Kept.start_date >= wanted.since)
    if wanted.until:
        query = query.where(Kept.start_date < wanted.until)
    if wanted.run_id is not None:
        query = query.where(Kept.run_id == wanted.run_id)
    if wanted.map_index is not None:
        query = query.where(Kept.map_index == wanted.map_index)
    if wanted.before:
        at, number = _place(wanted.before, Kept.id.type.python_type)
        query = query.where(or_(Kept.start_date < at, and_(Kept.start_date == at, Kept.id < number)))
    query = query.order_by(Kept.start_date.desc(), Kept.id.desc()).limit(wanted.limit)
    return [Instance._make(row) for row in session.execute(query)]


def left(session: Session, found: Sequence[Instance], *keys: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return what task instances left in XCom under these keys, by their names."""
    from airflow.models.xcom import XComModel as Kept
    from sqlalchemy import select, tuple_

    values: dict[tuple[Any, ...], dict[str, Any]] = {}
    columns = (Kept.dag_id, Kept.run_id, Kept.task_id, Kept.map_index)
    for names in _parts(found):
        query = select(*columns, Kept.key, Kept.value).where(tuple_(*columns).in_(names), Kept.key.in_(keys))
        for *name, key, value in session.execute(query):
            values.setdefault(tuple(name), {})[key] = _read(value)
    return values


def rendered(session: Session, found: Sequence[Instance]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of task instances as they were rendered, as far as Airflow keeps them."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields as Kept
    from sqlalchemy import select, tuple_

    values: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    columns = (Kept.dag_id, Kept.run_id, Kept.task_id, Kept.map_index)
    for names in _parts(found):
        for *name, value in session.execute(
            select(*columns, Kept.rendered_fields).where(tuple_(*columns).in_(names))
        ):
            fields = _read(value)
            values[tuple(name)] = fields if isinstance(fields, Mapping) else {}
    return values


def progress(session: Session, instance: Instance) -> dict[str, Any]:
    """Return how far a push has come: in words, and its report so far; nothing before Airflow 3.3."""
    try:
        from airflow.models.task_state_store import TaskStateStoreModel as Kept
    except ImportError:
        return {}
    from sqlalchemy import select

    query = select(Kept.key, Kept.value).where(
        Kept.dag_id == instance.dag_id,
        Kept.run_id == instance.run_id,
        Kept.task_id == instance.task_id,
        Kept.map_index == instance.map_index,
        Kept.key.in_((_STATE, _PROGRESS)),
    )
    found = {key: _read(value) for key, value in session.execute(query)}
    told: dict[str, Any] = {}
    if isinstance(words := found.get(_PROGRESS), str):
        told["words"] = words
    if isinstance(state := found.get(_STATE), Mapping) and is_report(state.get("report")):
        told["report"] = state["report"]
    return told


def is_report(value: Any) -> bool:
    """Whether a value is what a push returns."""
    return isinstance(value, Mapping) and isinstance(value.get("received"), int)


def _parts(found: Sequence[Instance]) -> Iterable[list[tuple[str, str, str, int]]]:
    """Split, as databases take only so many parameters."""
    for start in range(0, len(found), 100):
        yield [instance.name for instance in found[start : start + 100]]


def _read(value: Any) -> Any:
    """Read what may be JSON within JSON."""
    if isinstance(value, str):
        with suppress(ValueError):
            return json.loads(value)
    return value
