"""What each vendor has acknowledged, in a database: fingerprints, never values.

A row in doubt was about to be sent, and nothing says that the vendor acknowledged it: it is sent again.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import tenacity

from airflow_profile_provider.errors import ConfigurationError, LedgerFailed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

SCHEMA = 1
LEASE_SECONDS = 60.0


@dataclass(slots=True)
class Entry:
    """What the ledger knows of one key.

    ``row`` is the fingerprint of the row that was acknowledged last, ``fields`` those of each field that
    ever was. ``order`` is the place of the newest version seen. ``refused`` is that of a change which was
    refused in ``refusals`` runs, the last of them at ``refused_at`` (Unix time).
    """

    key: str
    row: bytes | None = None
    fields: dict[str, str] = field(default_factory=dict)
    doubt: bool = False
    order: int | None = None
    refused: str | None = None
    refusals: int = 0
    refused_at: float = 0.0


class Ledger:
    """The ledger of one target (connection type and id) and key type, in the database behind an engine.

    Tables are made on first use. All writes take many rows.
    """

    def __init__(
        self, engine: Engine, target: str, key_type: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._meta, self._targets, self._leases, self._entries = _tables()
        self._lease = self._owner = ""
        self._renewed = 0.0
        self._make()
        self._target = self._target_of(target, key_type)

    # -- making it --------------------------------------------------------------------------------------

    def _make(self) -> None:
        # Another task may make them at the same moment, and PostgreSQL minds, whatever "if not exists" says.
        tenacity.Retrying(
            stop=tenacity.stop_after_attempt(5),
            wait=tenacity.wait_random(0.05, 0.5),
            retry=tenacity.retry_if_exception_type(LedgerFailed),
            reraise=True,
        )(self._make_tables)
        with self._begun() as connection:
            self._insert(connection, self._meta, [{"name": "schema", "value": str(SCHEMA)}])
            self._insert(connection, self._meta, [{"name": "key", "value": secrets.token_hex(32)}])
            found = self._named(connection, "schema")
        if found != str(SCHEMA):
            raise ConfigurationError(
                f"the ledger is of schema {found}, and this version of the package writes {SCHEMA}; update it"
            )

    def _make_tables(self) -> None:
        from sqlalchemy.schema import CreateTable

        with self._begun() as connection:
            for table in (self._meta, self._targets, self._leases, self._entries):
                connection.execute(CreateTable(table, if_not_exists=True))

    def _named(self, connection: Connection, name: str) -> str:
        return str(
            connection.execute(self._meta.select().where(self._meta.c.name == name)).mappings().one()["value"]
        )

    def _insert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows that are not there yet."""
        connection.execute(self._upsert(table).on_conflict_do_nothing(), rows)

    def _upsert(self, table: Table) -> Any:
        from sqlalchemy.dialects import postgresql, sqlite

        made = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}.get(self._engine.dialect.name)
        if made is None:
            raise ConfigurationError(
                f"a ledger in {self._engine.dialect.name} is not supported; use PostgreSQL or SQLite"
            )
        return made(table)

    def _target_of(self, target: str, key_type: str) -> int:
        table = self._targets
        with self._begun() as connection:
            self._insert(connection, table, [{"target": target, "key_type": key_type}])
            found = connection.execute(table.select().where(table.c.target == target)).mappings().all()
        others = sorted({str(row["key_type"]) for row in found} - {key_type})
        if others:
            with self._begun() as connection:
                connection.execute(
                    table.delete().where(table.c.target == target, table.c.key_type == key_type)
                )
            raise ConfigurationError(
                f"the ledger knows {target} by {', '.join(others)}, not by {key_type}: two identifiers of "
                "one person cannot be compared; use the same key_type, or another connection id"
            )
        return int(found[0]["id"])

    @property
    def key(self) -> bytes:
        """The secret that the ledger keeps for fingerprints."""
        with self._begun() as connection:
            return bytes.fromhex(self._named(connection, "key"))

    def version_kind(self, kind: str) -> str:
        """Return the kind of version that orders this target's changes: the first that came."""
        name = f"version {self._target}"
        with self._begun() as connection:
            self._insert(connection, self._meta, [{"name": name, "value": kind}])
            return self._named(connection, name)

    # -- one push at a time -----------------------------------------------------------------------------

    def take_lease(self, share: str, owner: str) -> bool:
        """Take the lease of the target's share, or keep it; False where another push holds it."""
        self._lease = f"{self._target} {share}"
        return self._take_lease(owner)

    def _take_lease(self, owner: str) -> bool:
        table, now = self._leases, self._clock()
        free = (table.c.owner == owner) | (table.c.until < now)
        with self._begun() as connection:
            self._insert(connection, table, [{"name": self._lease, "owner": owner, "until": 0.0}])
            done = connection.execute(
                table.update()
                .where(table.c.name == self._lease, free)
                .values(owner=owner, until=now + LEASE_SECONDS)
            )
        self._owner, self._renewed = owner, now
        return bool(done.rowcount)

    def renew_lease(self) -> None:
        """Keep the lease, if there is one.

        Raises:
            LedgerFailed: another push has taken it, because this one said nothing for too long.
        """
        due = self._lease and self._clock() - self._renewed > LEASE_SECONDS / 6
        if due and not self._take_lease(self._owner):
            raise LedgerFailed("another push to the same target has taken over: this one was silent too long")

    def give_lease_back(self) -> None:
        """Let another push begin."""
        table = self._leases
        with self._begun() as connection:
            connection.execute(
                table.delete().where(table.c.name == self._lease, table.c.owner == self._owner)
            )

    # -- reading ----------------------------------------------------------------------------------------

    def known(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these keys, without their fields."""
        from sqlalchemy import select

        table = self._entries.c
        query = select(
            table.key, table.row, table.doubt, table.order, table.refused, table.refusals, table.refused_at
        )
        with self._begun() as connection:
            found = connection.execute(query.where(self._among(keys))).all()
        return {
            key: Entry(key, row, {}, bool(doubt), order, refused, refusals, refused_at)
            for key, row, doubt, order, refused, refusals, refused_at in found
        }

    def held(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the fingerprints of the rows acknowledged last, of those keys that are not in doubt."""
        with self._begun() as connection:
            found = connection.execute(self._held_query, {"target": self._target, "keys": list(keys)})
            return {key: row for key, row in found}  # noqa: C416 -- rows are tuples to Python, not to mypy

    @cached_property
    def _held_query(self) -> Any:
        from sqlalchemy import bindparam, select

        table = self._entries.c
        return select(table.key, table.row).where(
            table.target == bindparam("target"),
            table.key.in_(bindparam("keys", expanding=True)),
            table.doubt == 0,
            table.row.is_not(None),
        )

    def add_fields(self, entries: Collection[Entry]) -> None:
        """Read the fields of entries, too."""
        from sqlalchemy import select

        by_key = {entry.key: entry for entry in entries}
        table = self._entries.c
        with self._begun() as connection:
            query = select(table.key, table.fields).where(self._among(by_key))
            for key, fields in connection.execute(query):
                by_key[key].fields = json.loads(fields)

    def _among(self, keys: Collection[str]) -> Any:
        table = self._entries.c
        return (table.target == self._target) & table.key.in_(list(keys))

    # -- writing ----------------------------------------------------------------------------------------

    def put_in_doubt(self, claims: Sequence[tuple[str, int | None]]) -> None:
        """Mark keys that are about to be sent, and the place of their versions."""
        if not claims:
            return
        statement = self._upsert(self._entries)
        statement = statement.on_conflict_do_update(
            index_elements=["target", "key"],
            set_={"doubt": 1, "order": _later(self._entries.c.order, statement.excluded.order)},
        )
        rows = [
            {"target": self._target, "key": key, "fields": "{}", "doubt": 1, "order": order}
            for key, order in claims
        ]
        self._write(statement, rows)

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Keep what the vendor acknowledged; the entries are in doubt no more."""
        statement = self._upsert(self._entries)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["target", "key"],
            set_={
                "row": new.row,
                "fields": new.fields,
                "doubt": 0,
                "refused": None,
                "refusals": 0,
                "order": _later(self._entries.c.order, new.order),
            },
        )
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "row": entry.row,
                "fields": json.dumps(entry.fields, separators=(",", ":")),
                "doubt": 0,
                "order": entry.order,
            }
            for entry in entries
        ]
        if rows:
            self._write(statement, rows)

    def count_refusals(self, refusals: Sequence[tuple[str, str]], run: str) -> None:
        """Count a refusal of (key, fingerprint of the change), once a run."""
        if not refusals:
            return
        from sqlalchemy import case

        table = self._entries
        statement = self._upsert(table)
        new = statement.excluded
        same = table.c.refused == new.refused
        statement = statement.on_conflict_do_update(
            index_elements=["target", "key"],
            set_={
                "refusals": case(
                    (same & (table.c.refused_run == new.refused_run), table.c.refusals),
                    (same, table.c.refusals + 1),
                    else_=1,
                ),
                "refused": new.refused,
                "refused_run": new.refused_run,
                "refused_at": new.refused_at,
            },
        )
        now = self._clock()
        rows = [
            {
                "target": self._target,
                "key": key,
                "fields": "{}",
                "doubt": 1,
                "refused": refused,
                "refusals": 1,
                "refused_run": run,
                "refused_at": now,
            }
            for key, refused in refusals
        ]
        self._write(statement, rows)

    def _write(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        with self._begun() as connection:
            connection.execute(statement, rows)

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        """Begin a transaction.

        Raises:
            LedgerFailed: the database does not do what it is asked; its own words may hold keys.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            failed = LedgerFailed(f"the ledger's database failed ({type(error).__name__}); check it")
        else:
            return
        raise failed

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()


def _later(held: Any, new: Any) -> Any:
    from sqlalchemy import case

    return case((held.is_(None), new), (new.is_(None), held), (new > held, new), else_=held)


def _tables() -> tuple[Table, Table, Table, Table]:
    from sqlalchemy import (
        BigInteger,
        Column,
        Float,
        Integer,
        LargeBinary,
        MetaData,
        SmallInteger,
        String,
        Table,
        Text,
        UniqueConstraint,
    )

    metadata = MetaData()
    meta = Table(
        "profile_ledger_meta",
        metadata,
        Column("name", String(40), primary_key=True),
        Column("value", Text, nullable=False),
    )
    targets = Table(
        "profile_ledger_targets",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("target", String(250), nullable=False),
        Column("key_type", String(100), nullable=False),
        UniqueConstraint("target", "key_type"),
    )
    leases = Table(
        "profile_ledger_leases",
        metadata,
        Column("name", String(250), primary_key=True),
        Column("owner", String(500), nullable=False),
        Column("until", Float, nullable=False),
    )
    entries = Table(
        "profile_ledger",
        metadata,
        Column("target", Integer, primary_key=True, autoincrement=False),
        Column("key", String(500), primary_key=True),
        Column("row", LargeBinary),
        Column("fields", Text, nullable=False, server_default="{}"),
        Column("doubt", SmallInteger, nullable=False, server_default="0"),
        Column("order", BigInteger),
        Column("refused", String(40)),
        Column("refusals", Integer, nullable=False, server_default="0"),
        Column("refused_run", String(500)),
        Column("refused_at", Float, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
    return meta, targets, leases, entries
