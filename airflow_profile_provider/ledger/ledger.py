"""What each vendor has acknowledged, in a database: fingerprints, never values.

A row in doubt is sent again: it was about to be sent, and nothing says that the vendor acknowledged it; or it
was acknowledged, but an earlier attempt without an answer may still arrive and undo that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError, LedgerFailed
from airflow_profile_provider.ledger.counted import keep_count
from airflow_profile_provider.ledger.entry import Entry, now_of
from airflow_profile_provider.ledger.history import History
from airflow_profile_provider.ledger.ids import Ids
from airflow_profile_provider.ledger.lease import Lease
from airflow_profile_provider.ledger.migrations import found_schema, migrate, require_schema
from airflow_profile_provider.ledger.reader import LedgerReader, ids_of, version_name
from airflow_profile_provider.ledger.salt import is_plain
from airflow_profile_provider.ledger.scopes import Scope, scope_of, watched
from airflow_profile_provider.ledger.spellings import keep_as
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import begun, patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


@dataclass(frozen=True, slots=True)
class News:
    """What is new of keys, each another one, by column: the fingerprints of rows, and of their fields.

    ``places`` says of which rows, to whoever gives it. ``spelled`` has a key as the source has it, where that
    is another text. ``prints`` has those of each key's fields one behind the other, in the order of
    ``fields``, which are the same for all.
    """

    places: Sequence[int]
    keys: Sequence[str]
    spelled: Sequence[str | None]
    rows: Sequence[bytes]
    fields: tuple[str, ...]
    prints: Sequence[bytes]


class _KnownAlready(Exception):
    """Something of one of the keys is in the ledger."""


class Ledger(LedgerReader):
    """The ledger of one target (connection type and id) and key type, in the database behind an engine.

    Tables are made, or migrated, on first use. A target that is known by another key type is refused, unless
    ``mixed_key_types``; so is one that is known at another ``place`` (see `Vendor.place`). All writes take
    many rows, and happen only while the lease is held, if one was taken. One thread uses it.

    Raises:
        LedgerFailed: the database does not do what it is asked; from every method.
    """

    lease: Lease | None = None
    history: History | None = None
    """What is written beside what was acknowledged, if anything."""
    scope: Scope | None = None
    """Which of the pushes to the target this one is; None: it delivers in nobody's name."""
    _written = 0
    """How many entries were written and are not among those that `keep_count` knows of."""

    def _opened(self, target: str, key_type: str) -> int:
        self._make()
        return self._target_of(target, key_type)

    @patient
    def _make(self) -> None:
        """Make it or bring it up to date where need be, and see to its key."""
        if not migrate(self._engine, clock=self._clock):
            raise LedgerFailed("the ledger must be migrated, and a push is under way in it; wait for its end")
        with begun(self._engine) as connection:
            known = self._named(connection, "key")
        if known is None:
            with begun(self._engine) as connection:
                self._insert(connection, self._tables.meta, [{"name": "key", "value": secrets.token_hex(32)}])

    def _insert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows that are not there yet."""
        statement = insert_into(table, self._engine.dialect.name).on_conflict_do_nothing()
        connection.execute(statement, rows)

    @patient
    def _target_of(self, target: str, key_type: str) -> int:
        table = self._tables.targets
        found = self._rows_of(target)
        self._require_no_other(target, key_type, ids_of(found))
        self._require_same_place(target, found)
        while key_type not in ids_of(found):  # another task may take the same number
            self._add_target(target, key_type)
            found = self._rows_of(target)
        if self._place and any(row["address"] != self._place for row in found):
            with begun(self._engine) as connection:
                connection.execute(table.update().where(table.c.target == target).values(address=self._place))
        return ids_of(found)[key_type]

    def _add_target(self, target: str, key_type: str) -> None:
        """Give a target the next number; without the database's sequence, for which one needs a right."""
        from sqlalchemy import func, select

        table = self._tables.targets
        with begun(self._engine) as connection:
            last = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
            self._insert(connection, table, [{"id": last + 1, "target": target, "key_type": key_type}])

    @patient
    def keep_version_kind(self, kind: str) -> str:
        """Keep a kind of version, unless there is one; return the one that is kept."""
        name = version_name(self._target)
        with begun(self._engine) as connection:
            self._insert(connection, self._tables.meta, [{"name": name, "value": kind}])
            return self._named(connection, name) or kind

    @patient
    def keep_as(self, fold: Callable[[str], str]) -> None:
        """Keep the target's keys as what stands for all of their spellings, those of old as well."""
        keep_as(self._engine, self._target, fold)

    @patient
    def take_scope(self, name: str) -> None:
        """Deliver in the name of a scope from now on."""
        self.scope = scope_of(self._engine, self._target, name)

    @patient
    def take_lease(self, share: str, run: str) -> Lease | None:
        """Take the lease of the target's share; None where another push holds it."""
        lease = Lease(self._engine, f"{self._target} {share}", run, clock=self._clock)
        self.lease = lease if lease.take() else None
        if self.lease:
            self._require_still_current(self.lease)
        return self.lease

    def _require_still_current(self, lease: Lease) -> None:
        """Give the lease back where somebody has migrated the ledger meanwhile; with it, nobody can."""
        with begun(self._engine) as connection:
            found = found_schema(connection)
        try:
            require_schema(found)
        except ConfigurationError:
            lease.give_back()
            raise

    def ids(self, key_type: str, fold: Callable[[str], str]) -> Ids:
        """Return which profiles the target's keys mean, by this identifier of the vendor's."""
        return Ids(self._engine, self._target, key_type, fold)

    # -- writing ----------------------------------------------------------------------------------------

    def put_in_doubt(self, entries: Iterable[Entry]) -> None:
        """Mark keys that are about to be sent, and the place of their versions."""
        self._mark([(entry, entry.claim) for entry in entries])

    def _mark(self, entries: Iterable[tuple[Entry, str | None]]) -> None:
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "order": entry.order,
                "doubt": entry.doubt or -1,
                "sent": sent,
            }
            for entry, sent in entries
        ]
        self._write(self._statements.mark, rows)

    def keep_doubts(self, entries: Iterable[Entry]) -> None:
        """Write down what is to be thought of keys whose sending came to nothing."""
        self._mark([(entry, entry.sent) for entry in entries])

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Keep what the vendor acknowledged; only what may still arrive leaves a doubt."""
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "row": entry.row,
                "prints": self._packing.packed(entry.fields, entry.earlier),
                "order": entry.order,
                "doubt": entry.doubt or None,
                "sent": entry.sent,
                "spelled": entry.spelled,
                "scopes": self.scope.token if self.scope else "",
            }
            for entry in entries
        ]
        self._write(self._statements.acknowledge, rows, self.history)

    @patient
    def learn(self, news: Callable[[], Iterable[News]]) -> bool:
        """Keep as acknowledged what is new; False, and nothing is kept, where one of the keys is known.

        ``news`` is asked for it, and once more where the database was away. PostgreSQL takes what it has got
        while the next is made; SQLite, which has one writer at a time, gets all of it then.
        """
        in_postgres = self._engine.dialect.name == "postgresql"
        write = self._piped if in_postgres else self._inserted
        columns = map(self._columns, news())
        given = columns if in_postgres else list(columns)
        try:
            with begun(self._engine) as connection:
                if self.lease:
                    self.lease.renew(connection)
                written = write(connection, given)
        except _KnownAlready:
            return False
        self._written += written
        return True

    def _columns(self, news: News) -> Mapping[str, Sequence[Any]]:
        number = len(news.keys)
        return {
            "target": [self._target] * number,
            "key": news.keys,
            "row": news.rows,
            "prints": self._packing.packed_alike(news.fields, news.prints),
            "spelled": news.spelled,
            "scopes": [self.scope.token if self.scope else ""] * number,
        }

    def _inserted(self, connection: Connection, given: Iterable[Mapping[str, Sequence[Any]]]) -> int:
        """Insert rows, and return how many."""
        written = 0
        for columns in given:
            statement = self._statements.of_columns(self._statements.learn, columns)
            found = connection.exec_driver_sql(*statement).rowcount
            if found < len(columns["key"]):
                raise _KnownAlready
            written += found
        return written

    def _piped(self, connection: Connection, given: Iterable[Mapping[str, Sequence[Any]]]) -> int:
        """The same in PostgreSQL, which inserts some rows while we make the next."""
        import psycopg

        if not psycopg.Pipeline.is_supported():
            return self._inserted(connection, given)
        driver: Any = connection.connection.driver_connection
        asked, number = [], 0
        with driver.pipeline():
            for columns in given:
                statement = self._statements.of_columns(self._statements.learn, columns)
                asked.append(driver.execute(*statement))
                number += len(columns["key"])
        if sum(cursor.rowcount for cursor in asked) < number:
            raise _KnownAlready
        return number

    def let_leave(self, entries: Iterable[Entry]) -> None:
        """Keep that the vendor knows of keys that are gone, and nothing else of them."""
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "row": entry.row,
                "prints": self._packing.packed(entry.fields, entry.earlier),
                "order": entry.order,
                "doubt": -1 if entry.held else 0,
                "sent": entry.sent,
            }
            for entry in entries
        ]
        self._write(self._statements.let_leave, rows)

    def count_refusals(self, refusals: Collection[tuple[str, str]], run: str) -> None:
        """Count a refusal of (key, fingerprint of the change), once a run."""
        told = {"target": self._target, "refused_run": run[:1000], "refused_at": self._clock()}
        rows = [{**told, "key": key, "refused": refused} for key, refused in refusals]
        if rows:
            self._salt_refusals({key for key, _ in refusals})
        self._write(self._statements.count_refusal, rows)

    def _salt_refusals(self, keys: Collection[str]) -> None:
        """Write down anew what was refused in an older package's days: the database compares it itself."""
        found = [(row[0], row[4]) for row in self._read(self._statements.known, keys)]
        rows = [
            {"target": self._target, "key": key, "refused": self._salted(key, refused)}
            for key, refused in found
            if refused and is_plain(refused)
        ]
        self._write(self._statements.salt_refusal, rows)

    # -- leavers ----------------------------------------------------------------------------------------

    def members(self, after: str) -> list[Any]:
        """Return the next keys behind one, in their order, of those that were acknowledged: see `Member`."""
        return self._read(self._statements.members, (), after=after)

    def adopt(self, keys: Mapping[str, str | None]) -> None:
        """Write that this push's source has these keys, and how it spells them."""
        token = self.scope.token if self.scope else ""
        rows = [
            {"target": self._target, "key": key, "spelled": spelled, "scopes": token}
            for key, spelled in keys.items()
        ]
        self._write(self._statements.adopt, rows)

    def part(self, keys: Collection[str]) -> None:
        """Write that keys are gone from this push's source, and left to those whose sources have them."""
        if self.scope:
            self._change(self._statements.part, keys, scope=self.scope.token, gone=self.scope.gone)

    def note_absent(self, keys: Collection[str], *, doubted: bool) -> None:
        """Write that keys are absent since now; ``doubted``: what comes back of them is to be sent whole."""
        moment = now_of(self._clock())
        self._change(self._statements.note_absent, keys, moment=moment, doubted=int(doubted))

    @patient
    def others_at_work(self) -> bool:
        """Whether another push holds a lease of the target, for another share of it."""
        from sqlalchemy import select

        table = self._tables.leases.c
        mine = self.lease.name if self.lease else ""
        query = select(table.name).where(table.until > self._clock(), table.name != mine)
        with begun(self._engine) as connection:
            names = connection.execute(query).scalars().all()
        return any(name.partition(" ")[0] == str(self._target) for name in names)

    @patient
    def watched(self, *, note: bool) -> list[Scope]:
        """Return the other scopes that are watched for leavers; ``note`` that this push's is, too."""
        if self.scope is None:
            return []
        return watched(self._engine, self._target, self.scope, self._clock(), note=note)

    @patient
    def _change(self, statement: str, keys: Collection[str], **values: Any) -> None:
        if not keys:
            return
        with begun(self._engine) as connection:
            if self.lease:
                self.lease.renew(connection)
            connection.exec_driver_sql(statement, {**self._statements.keys(self._target, keys), **values})

    @patient
    def _write(self, statement: str, rows: Sequence[dict[str, Any]], history: History | None = None) -> None:
        """Write rows, and with them the lines of the history that wait, in one transaction."""
        lines = history.pending() if history else ()
        if not (rows or lines):
            return
        with begun(self._engine) as connection:
            if self.lease:
                self.lease.renew(connection)
            if rows:
                connection.exec_driver_sql(*self._statements.of_rows(statement, rows))
            if history and lines:
                history.write(connection, lines)
        self._written += len(rows)
        if history:
            history.written(lines)

    def keep_count(self) -> None:
        """See to it that how many keys there are is known well enough."""
        written, self._written = self._written, 0
        keep_count(self._engine, self._target, written, self._clock)
