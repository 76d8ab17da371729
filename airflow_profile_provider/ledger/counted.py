"""How many keys a ledger has at each target, without a look at each of them.

What is rare (keys in doubt, or refused) and the newest version are found by indexes of their own, and counted
up to a bound. Of all keys, pushes leave a count when they end, once it may be a tenth from the truth or is a
day old: so it says when it was made, and is true of that moment, whatever became of pushes since.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import LedgerFailed
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import Tables, begun

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MOST_COUNTED = 200_000
"""So many keys of a ledger are counted while somebody waits: a database is at it for some 20 ms."""
SHARE = 10
"""One part in so many may be new before keys are counted again."""
DAY = 86_400.0
# Word by word as the indexes have them.
_DOUBT = "profile_ledger.doubt <> 0"
_REFUSED = "profile_ledger.refusals > 0"
_VERSIONED = 'profile_ledger."order" is not null'


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many keys a target has, and how many of them are in doubt, refused, or quarantined.

    ``counted`` is when ``entries`` were counted (Unix time); None: just now. ``at_least`` names those of the
    other numbers, and of ``entries``, that were counted up to a bound only. ``newest`` is the place of the
    newest version.
    """

    entries: int
    in_doubt: int
    refused: int
    quarantined: int
    newest: int | None
    counted: float | None
    at_least: tuple[str, ...]


def counts_of(connection: Connection, target: int, now: float, most: int = MOST_COUNTED) -> Counts:
    """Count what a target has, each number up to ``most``."""
    return _Counting(connection, target, most).all(now)


class _Counting:
    """Counts the entries of one target."""

    def __init__(self, connection: Connection, target: int, most: int) -> None:
        self._connection = connection
        self._target = target
        self._most = most
        self._tables = Tables.described()
        self._at_least: list[str] = []

    def all(self, now: float) -> Counts:
        entries, counted = self._entries()
        in_doubt = self._bounded("in_doubt", self._number_of(self._some(_DOUBT)))
        refused, quarantined = self._refused(now)
        return Counts(
            entries=entries,
            in_doubt=in_doubt,
            refused=refused,
            quarantined=quarantined,
            newest=self._newest(),
            counted=counted,
            at_least=tuple(self._at_least),
        )

    def _entries(self) -> tuple[int, float | None]:
        """Count the entries, unless there were more than that when a push last did; say when it did."""
        from sqlalchemy import select

        kept = self._tables.counted.c
        query = select(kept.entries, kept.counted_at).where(kept.target == self._target)
        known = self._connection.execute(query).one_or_none()
        if known and known.entries > self._most:
            return known.entries, known.counted_at
        return self._bounded("entries", self._number_of(self._some())), None

    def _refused(self, now: float) -> tuple[int, int]:
        from sqlalchemy import func, select

        some = self._some(_REFUSED)
        aside = (some.c.refusals >= QUARANTINE.runs) & (some.c.refused_at > now - QUARANTINE.seconds)
        query = select(func.count(), func.count().filter(aside)).select_from(some)
        refused, quarantined = self._connection.execute(query).one()
        if refused > self._most:
            self._at_least.append("quarantined")
        return self._bounded("refused", refused), quarantined

    def _newest(self) -> int | None:
        from sqlalchemy import select, text

        order = self._tables.entries.c.order
        query = select(order).where(self._tables.entries.c.target == self._target, text(_VERSIONED))
        return self._connection.execute(query.order_by(order.desc()).limit(1)).scalar()

    def _some(self, which: str = "") -> Any:
        """Return entries, one more than are counted; no column of them that is not in the index."""
        from sqlalchemy import select, text

        table = self._tables.entries.c
        query = select(table.refusals, table.refused_at) if which == _REFUSED else select(table.target)
        query = query.where(table.target == self._target)
        if which:
            query = query.where(text(which))
        return query.limit(self._most + 1).subquery()

    def _number_of(self, some: Any) -> int:
        from sqlalchemy import func, select

        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _bounded(self, name: str, number: int) -> int:
        if number > self._most:
            self._at_least.append(name)
        return min(number, self._most)


def keep_count(engine: Engine, target: int, written: int, clock: Callable[[], float] = time.time) -> None:
    """Learn that a push wrote so many entries, and count all of them again where that is due.

    A database that does not take it (a role has no right to that table, say) is left as it is.
    """
    with suppress(LedgerFailed):
        _keep_count(engine, target, written, clock())


def _keep_count(engine: Engine, target: int, written: int, now: float) -> None:
    from sqlalchemy import func, select

    tables = Tables.described()
    counted, entries = tables.counted, tables.entries
    one = counted.c.target == target
    with begun(engine) as connection:
        known = connection.execute(counted.select().where(one)).one_or_none()
        if known and (known.since + written) * SHARE < known.entries and known.counted_at > now - DAY:
            if written:
                connection.execute(counted.update().where(one).values(since=counted.c.since + written))
            return
    with begun(engine) as connection:
        query = select(func.count()).select_from(entries).where(entries.c.target == target)
        told = {"entries": connection.execute(query).scalar_one(), "since": 0, "counted_at": now}
    with begun(engine) as connection:
        insert = insert_into(counted, engine.dialect.name).values(target=target, **told)
        connection.execute(insert.on_conflict_do_update(index_elements=["target"], set_=told))
