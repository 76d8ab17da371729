"""The ledger's tables, and transactions on them."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from airflow_profile_provider.errors import ConfigurationError, LedgerFailed
from airflow_profile_provider.outages import outage_of, ridden_out

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

Given = ParamSpec("Given")
Result = TypeVar("Result")
LONGEST_KEY = 500
LONGEST_ID = 250
"""Characters of a DAG's, a run's and a task's id, as Airflow bounds them, and of a target."""
LONGEST_REASON = 300
LONGEST_SCOPE = 520
"""As long as an Airflow DAG's id and a task's, with a dot between them."""
LONGEST_SCOPES = 4000
ROW_BYTES = 6
"""How long a row's fingerprint is: it is compared with that of an earlier row of its key, and no other."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables: what holds for all targets, the targets, who is pushing to them, and what they have.

    In ``entries``, what there is nothing to say of is NULL, which takes no room in PostgreSQL and a byte in
    SQLite: no doubt, no refusals, not absent. ``fields`` has only what a package wrote before `Packing`.

    ``ids`` has which of the vendor's profiles somebody's own key means, ``counted`` how many keys each target
    had when that was last counted. The others are the history: the
    pushes, how many records have which verdict, and why, and those records.
    """

    meta: Table
    targets: Table
    leases: Table
    scopes: Table
    entries: Table
    pushes: Table
    counts: Table
    records: Table
    ids: Table
    counted: Table

    @classmethod
    @cache  # for whoever looks at a ledger, that took longer than to look
    def described(cls) -> Tables:
        """Describe them as the last of the migrations leaves them; they need not exist."""
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
            Column("address", String(500)),
            UniqueConstraint("target", "key_type"),
        )
        leases = Table(
            "profile_ledger_leases",
            metadata,
            Column("name", String(250), primary_key=True),
            Column("run", String(1000), nullable=False),
            Column("token", String(40), nullable=False),
            Column("held_until", Float, key="until", nullable=False),
        )
        scopes = Table(
            "profile_ledger_scopes",
            metadata,
            Column("target", Integer, primary_key=True, autoincrement=False),
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("name", String(LONGEST_SCOPE), nullable=False),
            Column("watched_at", Float, nullable=False, server_default="0"),
            UniqueConstraint("target", "name"),
        )
        entries = Table(
            "profile_ledger",
            metadata,
            Column("target", SmallInteger, primary_key=True, autoincrement=False),
            Column("key", String(LONGEST_KEY), primary_key=True),
            Column("row", LargeBinary),
            Column("fields", Text),
            Column("doubt", BigInteger),
            Column("order", BigInteger),
            Column("refused", String(40)),
            Column("refusals", Integer),
            Column("refused_run", String(1000)),
            Column("refused_at", Float),
            Column("sent", String(40)),
            Column("prints", LargeBinary),
            Column("scopes", String(LONGEST_SCOPES)),
            Column("spelled", String(LONGEST_KEY)),
            Column("absent_since", BigInteger, key="absent"),
            sqlite_with_rowid=False,
        )
        pushes = Table(
            "profile_history_pushes",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("dag", String(LONGEST_ID), nullable=False, server_default=""),
            Column("run", String(LONGEST_ID), nullable=False, server_default=""),
            Column("task", String(LONGEST_ID), nullable=False, server_default=""),
            Column("map_index", Integer, nullable=False, server_default="-1"),
            Column("try", Integer, nullable=False, server_default="1"),
            Column("target", String(LONGEST_ID), nullable=False),
            Column("key_type", String(100), nullable=False),
            Column("begun", Float, nullable=False),
            Column("ended", Float),
            Column("complete", Integer, nullable=False, server_default="0"),
            Column("kept_until", Float, nullable=False),
        )
        counts = Table(
            "profile_history_counts",
            metadata,
            Column("push", Integer, primary_key=True, autoincrement=False),
            Column("verdict", String(20), primary_key=True),
            Column("reason", String(LONGEST_REASON), primary_key=True),
            Column("number", BigInteger, nullable=False),
            sqlite_with_rowid=False,
        )
        records = Table(
            "profile_history_records",
            metadata,
            Column("push", Integer, primary_key=True, autoincrement=False),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("key", String(LONGEST_KEY), nullable=False),
            Column("position", BigInteger, nullable=False),
            Column("verdict", String(20), nullable=False),
            Column("reason", String(LONGEST_REASON), nullable=False, server_default=""),
            Column("at", Float, nullable=False),
            sqlite_with_rowid=False,
        )
        ids = Table(
            "profile_ledger_ids",
            metadata,
            Column("target", Integer, primary_key=True, autoincrement=False),
            Column("key_type", String(100), primary_key=True),
            Column("key", String(LONGEST_KEY), primary_key=True),
            Column("id", String(LONGEST_KEY), nullable=False),
            Column("profile", String(LONGEST_KEY), nullable=False),
            UniqueConstraint("target", "key_type", "profile"),
        )
        counted = Table(
            "profile_ledger_counted",
            metadata,
            Column("target", Integer, primary_key=True, autoincrement=False),
            Column("entries", BigInteger, nullable=False),
            Column("since", BigInteger, nullable=False, server_default="0"),
            Column("counted_at", Float, nullable=False),
        )
        return cls(meta, targets, leases, scopes, entries, pushes, counts, records, ids, counted)


@contextmanager
def begun(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction.

    Raises:
        LedgerFailed: the database does not do what it is asked; its own words may hold keys.
    """
    with ledger_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def ledger_errors() -> Iterator[None]:
    """Turn a database's error into one of ours."""
    from sqlalchemy.exc import SQLAlchemyError

    drivers = getattr(sys.modules.get("psycopg"), "Error", SQLAlchemyError)
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, drivers) as error:
        outage = outage_of(error)
    else:
        return
    raise (LedgerAway if outage.passing else LedgerFailed)(
        f"the ledger's database failed {outage.check('it')}"
    )


class LedgerAway(LedgerFailed):
    """The ledger's database does not answer now, and may in a moment."""


def patient(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let work on the ledger that may be done twice be done again where its database was away."""

    @wraps(work)
    def done(*given: Given.args, **named: Given.kwargs) -> Result:
        return ridden_out(lambda: work(*given, **named), lambda error: isinstance(error, LedgerAway))

    return done


def supported_dialect(name: str) -> str:
    """Return a database's name, if a ledger can be kept in it.

    Raises:
        ConfigurationError: it cannot.
    """
    if name not in {"postgresql", "sqlite"}:
        raise ConfigurationError(f"a ledger in {name} is not supported; use PostgreSQL or SQLite")
    return name
