"""What is going on in a ledger: who pushes now, and what is quarantined, page by page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from airflow_profile_provider.ledger.admin import LedgerAdmin, Refused, Target, instant
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.ledger.tables import begun


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


class LedgerOverview(LedgerAdmin):
    """The ledger in the database behind an engine, to be looked at.

    Raises:
        ConfigurationError: there is none, or one of another version of this package.
        LedgerFailed: the database does not do what it is asked.
    """

    def quarantined(self, target: Target, *, after: str = "", limit: int = 50) -> list[Refused]:
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
