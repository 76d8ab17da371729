"""A ledger read and corrected by hand: what it knows, what it quarantined, and how to make it forget."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.ids import forget_ids
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.ledger.reader import has_ledger, version_name
from airflow_profile_provider.ledger.spellings import mark_of
from airflow_profile_provider.ledger.tables import Tables, begun
from airflow_profile_provider.values import folded

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a ledger holds of one target, in numbers.

    ``refused`` counts the keys whose last answer was a refusal, ``quarantined`` those of them that are set
    aside. ``newest`` is the newest version seen: an integer, or an instant in ISO 8601.
    """

    id: int
    target: str
    key_type: str
    entries: int
    in_doubt: int
    refused: int
    quarantined: int
    newest: int | str | None
    busy: bool
    """Whether a push to it is under way."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {name: value for name, value in asdict(self).items() if name != "id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A key that the vendor refused: in how many runs, when last, and until when it is quarantined, if so."""

    target: str
    key: str
    times: int
    last: str
    set_aside_until: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A key that its source no longer has: since when, of which scopes, and whether the vendor was told."""

    target: str
    key: str
    since: str
    scopes: str
    told: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


class LedgerAdmin:
    """The ledger in the database behind an engine, all of its targets.

    Raises:
        ConfigurationError: there is none, or one of another version of this package.
        LedgerFailed: the database does not do what it is asked.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock
        self._tables = Tables.described()
        if not has_ledger(engine):
            raise ConfigurationError("there is no ledger in this database: no push has used it so far")

    def targets(self, name: str | None = None) -> list[Target]:
        """Count what is known; of one target, by its connection id or as "type:id", or of all.

        Raises:
            ConfigurationError: there is no such target.
        """
        from sqlalchemy import select

        table = self._tables.targets
        query = select(table.c.id, table.c.target, table.c.key_type).order_by(table.c.target)
        with begun(self._engine) as connection:
            found = [tuple(row) for row in connection.execute(query)]
            chosen = [row for row in found if name is None or name in {row[1], row[1].partition(":")[2]}]
            if name is not None and not chosen:
                there = ", ".join(row[1] for row in found) or "nothing"
                raise ConfigurationError(f"the ledger knows no target {name!r}; it knows {there}")
            return [self._count(connection, *row) for row in chosen]

    def target(self, name: str | None = None) -> Target:
        """Return one target, the only one where none is named.

        Raises:
            ConfigurationError: there is none, or more than one.
        """
        found = self.key_types_of(name)
        if len(found) != 1:
            known = ", ".join(one.key_type for one in found)
            raise ConfigurationError(f"the ledger knows {found[0].target} by {known}")
        return found[0]

    def key_types_of(self, name: str | None = None) -> list[Target]:
        """Return one target, the only one where none is named, once for each identifier it is known by.

        Raises:
            ConfigurationError: there is none, or more than one.
        """
        found = self.targets(name)
        if len({one.target for one in found}) != 1:
            names = ", ".join(one.target for one in found) or "none"
            raise ConfigurationError(f"name one target by its connection id; the ledger knows {names}")
        return found

    def refused(self, targets: Sequence[Target]) -> Iterator[Refused]:
        """List the keys whose last answer was a refusal, those refused most often first."""
        from sqlalchemy import select

        table, now = self._tables.entries.c, self._clock()
        query = select(table.key, table.refusals, table.refused_at).where(table.refusals > 0)
        query = query.order_by(table.refusals.desc(), table.key)
        with begun(self._engine) as connection:
            for target in targets:
                for row in connection.execute(query.where(table.target == target.id)):
                    until = QUARANTINE.until(row) if QUARANTINE.is_active(row, now) else None
                    yield Refused(
                        target=target.target,
                        key=row.key,
                        times=row.refusals,
                        last=instant(row.refused_at),
                        set_aside_until=None if until is None else instant(until),
                    )

    def absent(self, targets: Sequence[Target]) -> Iterator[Absent]:
        """List the keys that their sources no longer have, the latest first."""
        from sqlalchemy import select

        table, scopes = self._tables.entries.c, self._tables.scopes.c
        query = select(table.key, table.spelled, table.absent, table.scopes).where(table.absent > 0)
        query = query.order_by(table.absent.desc(), table.key)
        with begun(self._engine) as connection:
            for target in targets:
                named = select(scopes.id, scopes.name).where(scopes.target == target.id)
                names = {str(number): name for number, name in connection.execute(named)}
                for row in connection.execute(query.where(table.target == target.id)):
                    numbers = re.findall(r"[0-9]+", row.scopes or "")
                    yield Absent(
                        target=target.target,
                        key=row.spelled or row.key,
                        since=instant(row.absent / 1000),
                        scopes=", ".join(names.get(number, number) for number in numbers),
                        told=not numbers,
                    )

    def release(self, target: Target, key: str | None) -> int:
        """Forget the refusals of a key, or of all, so that the next run tries again; return of how many."""
        table = self._tables.entries
        change = table.update().where(table.c.target == target.id, table.c.refusals > 0)
        change = change.values(refusals=None, refused=None, refused_run=None)
        with begun(self._engine) as connection:
            return self._run(connection, change, key)

    def forget(self, target: Target, key: str | None) -> int:
        """Delete what is known of a key, or of all and the target too; return of how many.

        Raises:
            ConfigurationError: a push to the target is under way, which would write it down again.
        """
        table = self._tables.entries
        with begun(self._engine) as connection:
            if self._is_busy(connection, target.id):
                raise ConfigurationError(f"a push to {target.target} is under way; wait until it has ended")
            number = self._run(connection, table.delete().where(table.c.target == target.id), key)
            self._forget_history(connection, target, key)
            forget_ids(connection, target.id, None if key is None else spellings(key))
            if key is None:
                meta, known = self._tables.meta, self._tables.targets
                names = version_name(target.id), mark_of(target.id)
                connection.execute(meta.delete().where(meta.c.name.in_(names)))
                connection.execute(known.delete().where(known.c.id == target.id))
                for table in (self._tables.scopes, self._tables.counted):
                    connection.execute(table.delete().where(table.c.target == target.id))
        return number

    def _forget_history(self, connection: Connection, target: Target, key: str | None) -> None:
        """Delete the lines of a key, or of all; that there were pushes, and how many records, stays."""
        from sqlalchemy import select

        pushes, records = self._tables.pushes.c, self._tables.records
        of_target = select(pushes.id).where(
            pushes.target == target.target, pushes.key_type == target.key_type
        )
        lines = records.delete().where(records.c.push.in_(of_target))
        if key is not None:
            lines = lines.where(records.c.key.in_(spellings(key)))
        connection.execute(lines)

    def address(self, target: Target) -> str | None:
        """Return where a target was when it was pushed to last; None where no push has said so."""
        from sqlalchemy import select

        table = self._tables.targets.c
        with begun(self._engine) as connection:
            found: str | None = connection.execute(
                select(table.address).where(table.id == target.id)
            ).scalar()
        return found

    def move(self, target: Target, place: str) -> None:
        """Take a place (see `Vendor.place`) for the one where a target has always been."""
        table = self._tables.targets
        with begun(self._engine) as connection:
            connection.execute(table.update().where(table.c.target == target.target).values(address=place))

    def _run(self, connection: Connection, statement: Any, key: str | None) -> int:
        if key is not None:
            statement = statement.where(self._tables.entries.c.key.in_(spellings(key)))
        return int(connection.execute(statement).rowcount)

    def _count(self, connection: Connection, number: int, target: str, key_type: str) -> Target:
        from sqlalchemy import case, func, select

        table, since = self._tables.entries.c, self._clock() - QUARANTINE.seconds
        aside = (table.refusals >= QUARANTINE.runs) & (table.refused_at > since)
        query = select(
            func.count(),
            func.coalesce(func.sum(case((table.doubt != 0, 1), else_=0)), 0),
            func.coalesce(func.sum(case((table.refusals > 0, 1), else_=0)), 0),
            func.coalesce(func.sum(case((aside, 1), else_=0)), 0),
            func.max(table.order),
        ).where(table.target == number)
        entries, in_doubt, refused, quarantined, newest = connection.execute(query).one()
        return Target(
            id=number,
            target=target,
            key_type=key_type,
            entries=entries,
            in_doubt=in_doubt,
            refused=refused,
            quarantined=quarantined,
            newest=version_of(newest, self._kind(connection, number)),
            busy=self._is_busy(connection, number),
        )

    def _kind(self, connection: Connection, target: int) -> str | None:
        """Return the kind of a target's versions."""
        from sqlalchemy import select

        meta = self._tables.meta.c
        query = select(meta.value).where(meta.name == version_name(target))
        kind: str | None = connection.execute(query).scalar()
        return kind

    def _is_busy(self, connection: Connection, number: int) -> bool:
        from sqlalchemy import select

        table = self._tables.leases.c
        query = select(table.name).where(table.until > self._clock())
        return any(name.partition(" ")[0] == str(number) for name in connection.execute(query).scalars())


def spellings(key: str) -> set[str]:
    """Return how a key may stand in a ledger."""
    return {key, folded(key, number=False), folded(key, number=True)}


def begins_with(column: Any, prefix: str) -> Any:
    """Return what is true of texts that begin so, in a column that is compared by code points."""
    return (column >= prefix) & (column < prefix + "\U0010ffff")


def instant(seconds: float) -> str:
    """Write a Unix time as people and programs read it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def version_of(order: int | None, kind: str | None) -> int | str | None:
    """Return a version from its place among others: instants are placed by their microseconds."""
    if order is None or kind != "instant":
        return order
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=order)).isoformat()
