"""The history: what became of each record of a push, in tables beside the ledger, for people.

A line stands for a record that ended in any verdict but those that need no look. Lines are written in the
transactions in which the ledger keeps what was acknowledged: either has a record, or neither.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import LedgerFailed
from airflow_profile_provider.ledger.tables import (
    LONGEST_ID,
    LONGEST_KEY,
    LONGEST_REASON,
    Tables,
    begun,
    patient,
)
from airflow_profile_provider.options import HISTORY_DAYS
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report, TaskRun

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MOST_LINES = 100_000
"""Lines of one push: a first run of a large table tells nothing by each of its records."""
FOR_PROBLEMS = 10_000
"""How many of them acknowledged records leave to those that come to nothing."""
AT_ONCE = 5000
"""Lines that are kept in memory, or deleted in one transaction."""
DAY = 86_400.0
NO_LINE = frozenset({"unchanged", "verified", "planned"})
"""Verdicts that change nothing at the vendor and leave nothing to do."""

Line = tuple[int, str, int, str, str, float]
"""Number, key, position, verdict, reason, and when (Unix time)."""

_NEW = """insert into profile_history_pushes
  (id, dag, run, task, map_index, try, target, key_type, begun, kept_until)
select coalesce(max(id), 0) + 1, :dag, :run, :task, cast(:map_index as integer), cast(:try as integer),
  :target, :key_type, cast(:begun as float), cast(:kept_until as float)
from profile_history_pushes where true on conflict do nothing returning id"""
_COUNTED = """insert into profile_history_counts (push, verdict, reason, number)
values (:push, :verdict, :reason, :number)
on conflict (push, verdict, reason) do update set number = excluded.number"""
_LINES = {
    "sqlite": """insert or ignore into profile_history_records
  (push, number, "key", position, verdict, reason, at) values (?, ?, ?, ?, ?, ?, ?)""",
    "postgresql": """insert into profile_history_records
  (push, number, "key", position, verdict, reason, at)
select %s, * from unnest(%s::int[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::float8[])
on conflict do nothing""",
}


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """Whose history is written, and for how many days it is kept."""

    task: TaskRun
    days: int = HISTORY_DAYS


class History:
    """The history of one push. One thread uses it.

    A database that does not take it ends the history, and not the push; ``warn`` is told why.
    """

    def __init__(
        self,
        engine: Engine,
        target: str,
        key_type: str,
        how: HistoryOptions,
        *,
        warn: Callable[..., object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._target = target
        self._key_type = key_type
        self._how = how
        self._warn = warn
        self._clock = clock
        self._tables = Tables.described()
        self._lines: list[Line] = []
        self._push = 0
        self._number = 0
        """That of the last line."""
        self._before: Counter[tuple[str, str]] = Counter()
        """The counts of a part of the push that gave its worker slot back."""
        self._is_open = True
        self._attempted(self._begin)

    # -- a push -----------------------------------------------------------------------------------------

    @patient
    def _begin(self) -> None:
        """Find the push, where it goes on after it gave its slot back, or note that it begins."""
        from sqlalchemy import func, select, text

        told = self._told()
        pushes, records = self._tables.pushes, self._tables.records
        same = [pushes.c[name] == told[name] for name in ("run", "dag", "task", "map_index", "try", "target")]
        same.append(pushes.c.ended.is_(None))
        with begun(self._engine) as connection:
            found = connection.execute(select(pushes.c.id).where(*same).order_by(pushes.c.id.desc())).scalar()
            if found is not None:
                self._push = found
                last = select(func.max(records.c.number)).where(records.c.push == found)
                self._number = connection.execute(last).scalar() or 0
                self._before = self._counted(connection)
                return
        while not self._push:  # another push may take the same number
            with begun(self._engine) as connection:
                self._push = connection.execute(text(_NEW), told).scalar() or 0

    def _told(self) -> dict[str, Any]:
        task, now = self._how.task, self._clock()
        return {
            "dag": _plain(task.dag, LONGEST_ID),
            "run": _plain(task.run, LONGEST_ID),
            "task": _plain(task.task, LONGEST_ID),
            "map_index": task.map_index,
            "try": task.try_number,
            "target": self._target[:LONGEST_ID],
            "key_type": self._key_type,
            "begun": now,
            "kept_until": now + self._how.days * DAY,
        }

    def _counted(self, connection: Connection) -> Counter[tuple[str, str]]:
        from sqlalchemy import select

        table = self._tables.counts.c
        query = select(table.verdict, table.reason, table.number).where(table.push == self._push)
        return Counter({(verdict, reason): number for verdict, reason, number in connection.execute(query)})

    @property
    def takes(self) -> bool:
        """Whether there is room for another line."""
        return self._is_open and self._number < MOST_LINES

    def add(self, key: str, position: int, verdict: Verdict, reason: str = "") -> None:
        """Take a line, to be written with the next that the ledger writes."""
        if verdict in NO_LINE or not self.takes:
            return
        if verdict.acknowledged and self._number >= MOST_LINES - FOR_PROBLEMS:
            return
        self._number += 1
        told = "" if verdict.acknowledged else _plain(reason, LONGEST_REASON)
        self._lines.append(
            (self._number, _plain(key, LONGEST_KEY), position, verdict.value, told, self._clock())
        )

    @property
    def is_due(self) -> bool:
        """Whether so many lines wait that they should not wait for the ledger."""
        return len(self._lines) >= AT_ONCE

    def pending(self) -> Sequence[Line]:
        """Return what is to be written."""
        return tuple(self._lines)

    def write(self, connection: Connection, lines: Sequence[Line]) -> None:
        """Write lines in a transaction; twice is as good as once."""
        statement = _LINES[self._engine.dialect.name]
        if self._engine.dialect.name == "sqlite":
            connection.exec_driver_sql(statement, [(self._push, *line) for line in lines])
        else:
            connection.exec_driver_sql(statement, (self._push, *map(list, zip(*lines, strict=True))))

    def written(self, lines: Sequence[Line]) -> None:
        """Learn that they are written."""
        del self._lines[: len(lines)]

    # -- its end ----------------------------------------------------------------------------------------

    def tell(self, own: Report, *, ended: bool) -> None:
        """Write down how many records have which verdict, and why; ``own`` is what this process did."""
        self._attempted(lambda: self._tell(own, ended=ended))

    @patient
    def _tell(self, own: Report, *, ended: bool) -> None:
        from sqlalchemy import text

        pushes = self._tables.pushes
        counted = self._before + _counts_of(own)
        rows = [
            {"push": self._push, "verdict": verdict, "reason": reason, "number": number}
            for (verdict, reason), number in counted.items()
        ]
        with begun(self._engine) as connection:
            if rows:
                connection.execute(text(_COUNTED), rows)
            told = {"ended": self._clock() if ended else None, "complete": int(own.complete and ended)}
            connection.execute(pushes.update().where(pushes.c.id == self._push).values(told))

    def prune(self) -> None:
        """Delete pushes whose time is over, about as many lines as one push may write."""
        self._attempted(self._prune)

    def _prune(self) -> None:
        left = MOST_LINES + AT_ONCE
        while left > 0 and (expired := self._expired()):
            for push, lines in expired:
                if left <= 0:
                    return
                left -= max(lines, AT_ONCE)
                delete_push(self._engine, push, lines)

    @patient
    def _expired(self) -> list[tuple[int, int]]:
        """Return a few pushes whose time is over, oldest first, and how many lines they have."""
        from sqlalchemy import func, select

        pushes, records = self._tables.pushes.c, self._tables.records.c
        lines = select(func.max(records.number)).where(records.push == pushes.id).scalar_subquery()
        query = select(pushes.id, func.coalesce(lines, 0)).where(pushes.kept_until < self._clock())
        with begun(self._engine) as connection:
            return [(push, last) for push, last in connection.execute(query.order_by(pushes.id).limit(20))]

    def _attempted(self, work: Callable[[], None]) -> None:
        if not self._is_open:
            return
        try:
            work()
        except LedgerFailed as error:
            self.give_up(error)

    def give_up(self, error: LedgerFailed) -> None:
        """Write nothing more: the database does not take it."""
        self._is_open = False
        self._lines.clear()
        self._warn("The history of this push is not complete: %s", error)


@patient
def delete_push(engine: Engine, push: int, lines: int) -> None:
    """Delete a push from the history, few lines at a time: others write to the same database meanwhile.

    Raises:
        LedgerFailed: the database does not do what it is asked.
    """
    tables = Tables.described()
    records, counts, pushes = tables.records, tables.counts, tables.pushes
    for first in range(0, lines, AT_ONCE):
        with begun(engine) as connection:
            some = (records.c.push == push) & (records.c.number <= first + AT_ONCE)
            connection.execute(records.delete().where(some))
    with begun(engine) as connection:
        connection.execute(records.delete().where(records.c.push == push))
        connection.execute(counts.delete().where(counts.c.push == push))
        connection.execute(pushes.delete().where(pushes.c.id == push))


def _counts_of(own: Report) -> Counter[tuple[str, str]]:
    """Return the counts of a report by verdict and reason; reasons beyond those that it tells have none."""
    counted: Counter[tuple[str, str]] = Counter()
    for each in own.reasons:
        counted[each.verdict, _plain(each.reason, LONGEST_REASON)] += each.count
    told: Counter[str] = Counter()
    for (verdict, _), number in counted.items():
        told[verdict] += number
    for verdict in Verdict:
        if (rest := getattr(own, verdict) - told[verdict]) > 0:
            counted[verdict.value, ""] += rest
    return counted


def _plain(text: str, longest: int) -> str:
    """Return a text as any database takes it: of an invalid record, a key may hold anything."""
    if text.isascii() and len(text) <= longest and "\0" not in text:
        return text
    return text.replace("\0", "").encode(errors="replace").decode()[:longest]
