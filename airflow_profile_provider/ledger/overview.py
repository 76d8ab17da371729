"""What is going on in a ledger: who pushes now, and what is quarantined, page by page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.ledger.admin import (
    LedgerAdmin,
    Refused,
    Target,
    begins_with,
    instant,
    spellings,
    version_of,
)
from airflow_profile_provider.ledger.counted import MOST_COUNTED, counts_of
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.ledger.tables import begun

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease: of which share ("all", or its number and how many there are), who holds it, and until when."""

    target: str
    share: str
    run: str
    until: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A target by its number and names; nothing of it is counted."""

    id: int
    target: str
    key_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers(Target):
    """A target in numbers, which are found without a look at each of its keys.

    ``counted``: when ``entries`` were counted, in ISO 8601; None: just now. ``at_least`` names the numbers
    that were counted up to a bound only: there are more.
    """

    counted: str | None
    at_least: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows of a key at a target.

    ``acknowledged``: the vendor has confirmed something of it. ``refused_in_runs`` counts the runs in which
    the vendor refused its newest value; ``version`` is the newest one seen.
    """

    target: str
    key_type: str
    key: str
    acknowledged: bool
    in_doubt: bool
    under_way: bool
    version: int | str | None
    refused_in_runs: int
    last_refused: str | None
    quarantined_until: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


class LedgerOverview(LedgerAdmin):
    """The ledger in the database behind an engine, to be looked at.

    Raises:
        ConfigurationError: there is none, or one of another version of this package.
        LedgerFailed: the database does not do what it is asked.
    """

    def names(self) -> list[Named]:
        """Return the targets, without a look at what is known of them."""
        from sqlalchemy import select

        table = self._tables.targets.c
        query = select(table.id, table.target, table.key_type).order_by(table.target, table.id)
        with begun(self._engine) as connection:
            return [
                Named(id=number, target=target, key_type=key_type)
                for number, target, key_type in connection.execute(query)
            ]

    def numbers(self, *, most: int = MOST_COUNTED) -> list[Numbers]:
        """Return the targets in numbers; of all their keys together, about ``most`` are counted."""
        names, now = self.names(), self._clock()
        with begun(self._engine) as connection:
            return [self._numbers(connection, named, now, most // len(names)) for named in names]

    def _numbers(self, connection: Connection, named: Named, now: float, most: int) -> Numbers:
        counts = counts_of(connection, named.id, now, most)
        return Numbers(
            id=named.id,
            target=named.target,
            key_type=named.key_type,
            entries=counts.entries,
            in_doubt=counts.in_doubt,
            refused=counts.refused,
            quarantined=counts.quarantined,
            newest=version_of(counts.newest, self._kind(connection, named.id)),
            busy=self._is_busy(connection, named.id),
            counted=None if counts.counted is None else instant(counts.counted),
            at_least=counts.at_least,
        )

    def known(self, key: str, *, prefix: bool = False, limit: int = 50) -> list[Known]:
        """Return what is known of a key in its spellings, or of keys that begin so, at every target."""
        from sqlalchemy import func, select

        table = self._tables.entries.c
        counted = (func.coalesce(each, 0).label(each.name) for each in (table.refusals, table.refused_at))
        columns = (table.key, table.row, table.doubt, table.order, *counted)
        alike = self._begins(key) if prefix else table.key.in_(sorted(spellings(key)))
        found: list[Known] = []
        names = self.names()
        with begun(self._engine) as connection:
            for named in names:  # target by target: the primary key begins with it
                kind = self._kind(connection, named.id)
                query = select(*columns).where(table.target == named.id, alike).order_by(table.key)
                rows = connection.execute(query.limit(limit - len(found)))
                found += [self._known(named, row, kind) for row in rows]
        return found

    def _begins(self, prefix: str) -> Any:
        """Return what is true of keys that begin so, in one of the spellings that a ledger keeps."""
        from sqlalchemy import or_

        column = self._tables.entries.c.key
        return or_(*(begins_with(column, each) for each in sorted(spellings(prefix))))

    def _known(self, named: Named, row: Any, kind: str | None) -> Known:
        until = QUARANTINE.until(row) if QUARANTINE.is_active(row, self._clock()) else None
        return Known(
            target=named.target,
            key_type=named.key_type,
            key=row.key,
            acknowledged=row.row is not None,
            in_doubt=bool(row.doubt),
            under_way=(row.doubt or 0) < 0,
            version=version_of(row.order, kind),
            refused_in_runs=row.refusals,
            last_refused=instant(row.refused_at) if row.refusals else None,
            quarantined_until=None if until is None else instant(until),
        )

    def quarantined(self, target: Target | Named, *, after: str = "", limit: int = 50) -> list[Refused]:
        """List keys that are quarantined now, in their order, behind one of them: a page of them."""
        from sqlalchemy import select, text

        table, now = self._tables.entries.c, self._clock()
        query = select(table.key, table.refusals, table.refused_at).where(table.target == target.id)
        indexed = text("profile_ledger.refusals > 0")  # word by word as the index has it
        query = query.where(indexed, table.refusals >= QUARANTINE.runs, table.key > after)
        query = query.where(table.refused_at > now - QUARANTINE.seconds).order_by(table.key).limit(limit)
        with begun(self._engine) as connection:
            return [
                Refused(
                    target=target.target,
                    key=row.key,
                    times=row.refusals,
                    last=instant(row.refused_at),
                    set_aside_until=instant(row.refused_at + QUARANTINE.seconds),
                )
                for row in connection.execute(query)
            ]

    def leases(self) -> list[Held]:
        """List the leases that pushes hold now."""
        from sqlalchemy import select

        targets, table = self._tables.targets.c, self._tables.leases.c
        with begun(self._engine) as connection:
            known = {row.id: row.target for row in connection.execute(select(targets.id, targets.target))}
            query = self._tables.leases.select().where(table.until > self._clock())
            rows = connection.execute(query).all()
        found = []
        for row in rows:
            number, _, share = row.name.partition(" ")
            target = known.get(int(number)) if number.isdigit() else None
            if target is not None:
                found.append(Held(target=target, share=share, run=row.run, until=instant(row.until)))
        return found
