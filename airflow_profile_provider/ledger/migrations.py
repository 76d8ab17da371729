"""How the ledger's tables came to be what they are, version by version, and how an older ledger gets there.

Each version is plain SQL, written once and never changed afterwards: a ledger that is made anew goes through
all of them, an older one through those that it lacks. To change a table, append a version, and describe the
outcome in `tables`: a test compares the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.tables import Tables, begun, ledger_errors, supported_dialect

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = 7_306_643_310_914_628_451
"""The number of PostgreSQL's advisory lock that migrations take: any that nobody else uses."""
_LOCK_SECONDS = 3
"""How long PostgreSQL waits for who is at it or reads a table, before it is tried again later."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One version of the tables.

    ``mark`` is a table, and a column of it, that are there since then. ``sqlite`` and ``postgresql`` are the
    statements that lead there from the version before.
    """

    mark: tuple[str, str]
    sqlite: tuple[str, ...]
    postgresql: tuple[str, ...]

    def statements(self, dialect: str) -> tuple[str, ...]:
        """Return the statements for a database."""
        return self.sqlite if dialect == "sqlite" else self.postgresql


_META = """create table if not exists profile_ledger_meta (
  name varchar(40) not null primary key,
  value text not null
)"""
_TARGETS = """create table if not exists profile_ledger_targets (
  id {id} not null primary key,
  target varchar(250) not null,
  key_type varchar(100) not null,
  unique (target, key_type)
)"""
_LEASES = """create table if not exists profile_ledger_leases (
  name varchar(250) not null primary key,
  run varchar(1000) not null,
  token varchar(40) not null,
  until float not null
)"""
_ENTRIES = """create table if not exists profile_ledger (
  target integer not null,
  "key" varchar(500) not null,
  "row" {bytes},
  fields text default '{{}}' not null,
  doubt smallint default 0 not null,
  "order" bigint,
  refused varchar(40),
  refusals integer default 0 not null,
  refused_run varchar(1000),
  refused_at float default 0 not null,
  primary key (target, "key")
){without}"""
_IDS = """create table profile_ledger_ids (
  target integer not null,
  key_type varchar(100) not null,
  "key" varchar(500) not null,
  id varchar(500) not null,
  profile varchar(500) not null,
  primary key (target, key_type, "key"),
  unique (target, key_type, profile)
)"""
_SCOPES = """create table profile_ledger_scopes (
  target integer not null,
  id integer not null,
  name varchar(520) not null,
  watched_at float default 0 not null,
  primary key (target, id),
  unique (target, name)
)"""
_OF_LEAVERS = (
    "alter table profile_ledger add column scopes varchar(4000)",
    "alter table profile_ledger add column spelled varchar(500)",
    "alter table profile_ledger add column absent bigint default 0 not null",
    _SCOPES,
)
_RENAMED_LEASE = "alter table profile_ledger_leases rename column until to held_until"
"""A push of an older package that waits for its turn meanwhile fails on it, and so writes nothing more."""
_SENT = "alter table profile_ledger add column sent varchar(40)"
_REFUSED = (
    'create index if not exists profile_ledger_refused on profile_ledger (target, "key") where refusals > 0'
)
_PUSHES = """create table if not exists profile_history_pushes (
  id integer not null primary key,
  dag varchar(250) default '' not null,
  run varchar(250) default '' not null,
  task varchar(250) default '' not null,
  map_index integer default -1 not null,
  try integer default 1 not null,
  target varchar(250) not null,
  key_type varchar(100) not null,
  begun float not null,
  ended float,
  complete smallint default 0 not null,
  kept_until float not null
)"""
_OF_RUN = "create index if not exists profile_history_pushes_run on profile_history_pushes (run, dag, task)"
_COUNTS = """create table if not exists profile_history_counts (
  push integer not null,
  verdict varchar(20) not null,
  reason varchar(300) not null,
  number bigint not null,
  primary key (push, verdict, reason)
){without}"""
_RECORDS = """create table if not exists profile_history_records (
  push integer not null,
  number integer not null,
  "key" varchar(500){collate} not null,
  position bigint not null,
  verdict varchar(20) not null,
  reason varchar(300) default '' not null,
  at float not null,
  primary key (push, number)
){without}"""
_OF_KEY = (
    'create index if not exists profile_history_records_key on profile_history_records ("key", push, number)'
)
_PROBLEMS = (
    "create index if not exists profile_history_records_problems on profile_history_records (push, number) "
    "where verdict not in ('pushed', 'created')"
)
_HISTORY = """create view{if_new} profile_history as select
  {instant} as instant,
  p.dag, p.run, p.task, p.map_index, p.try, p.target, p.key_type,
  r."key", r.position, r.verdict, r.reason, r.push, r.number
from profile_history_records r join profile_history_pushes p on p.id = r.push"""
"""For people and their tools; pushes write to the tables behind it."""
_UNKNOWN_FATE = "update profile_ledger set doubt = -1 where doubt = 1 and refused is null"

MIGRATIONS = (
    Migration(
        ("profile_ledger", "refused_at"),
        sqlite=(
            _META,
            _TARGETS.format(id="integer"),
            _LEASES,
            _ENTRIES.format(bytes="blob", without=" without rowid"),
        ),
        postgresql=(
            _META,
            _TARGETS.format(id="serial"),
            _LEASES,
            _ENTRIES.format(bytes="bytea", without=""),
        ),
    ),
    # The address of a target; ``doubt`` is a moment, too, and ``sent`` says of which change.
    Migration(
        ("profile_ledger_targets", "address"),
        sqlite=(
            "alter table profile_ledger_targets add column address varchar(500)",
            _RENAMED_LEASE,
            _SENT,
            _UNKNOWN_FATE,
        ),
        postgresql=(
            "alter table profile_ledger_targets add column address varchar(500)",
            _RENAMED_LEASE,
            "alter table profile_ledger alter column doubt type bigint",
            _SENT,
            _UNKNOWN_FATE,
        ),
    ),
    # Fields' fingerprints, salted and packed. `Ledger` takes over what stands in ``fields``, entry by entry,
    # as a push meets them: a migration that rewrote all of a large ledger would hold everybody up.
    Migration(
        ("profile_ledger", "prints"),
        sqlite=("alter table profile_ledger add column prints blob",),
        postgresql=("alter table profile_ledger add column prints bytea",),
    ),
    # What became of each record of a push, for people.
    Migration(
        ("profile_history_records", "at"),
        sqlite=(
            _REFUSED,
            _PUSHES,
            _OF_RUN,
            _COUNTS.format(without=" without rowid"),
            _RECORDS.format(collate="", without=" without rowid"),
            _OF_KEY,
            _PROBLEMS,
            _HISTORY.format(
                if_new=" if not exists", instant="strftime('%Y-%m-%d %H:%M:%f', r.at, 'unixepoch')"
            ),
        ),
        postgresql=(
            _REFUSED,
            _PUSHES,
            _OF_RUN,
            _COUNTS.format(without=""),
            _RECORDS.format(collate=' collate "C"', without=""),
            _OF_KEY,
            _PROBLEMS,
            _HISTORY.format(if_new="", instant="to_timestamp(r.at)"),
        ),
    ),
    # Which profile of the vendor's somebody's own key means: ``id`` as it is sent, ``profile`` for all of its
    # spellings, so that no two keys mean one profile.
    Migration(("profile_ledger_ids", "profile"), sqlite=(_IDS,), postgresql=(_IDS,)),
    # Which pushes delivered a key (see `scopes`), how they spell it, and since when it is gone from their
    # sources. An entry of old has no scope: the first push that reads its key from a whole source, or
    # delivers it, is added.
    Migration(("profile_ledger", "absent"), sqlite=_OF_LEAVERS, postgresql=_OF_LEAVERS),
)
SCHEMA = len(MIGRATIONS)
"""The version that this package reads and writes."""


def found_schema(connection: Connection) -> int:
    """Return the version of a ledger; 0 where there is none."""
    from sqlalchemy import inspect, select

    meta, inspector = Tables.described().meta, inspect(connection)
    if not inspector.has_table(meta.name):
        return 0
    found = connection.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar()
    if found is not None:
        return int(found)
    # The tables were made by hand, and what no push has written is not in them.
    for version in range(SCHEMA, 0, -1):
        table, column = MIGRATIONS[version - 1].mark
        if inspector.has_table(table) and column in {each["name"] for each in inspector.get_columns(table)}:
            return version
    return 0


def require_schema(found: int) -> None:
    """Refuse a ledger that this package cannot use as it is.

    Raises:
        ConfigurationError: naming both versions, and what to do.
    """
    if found > SCHEMA:
        raise ConfigurationError(
            f"the ledger is of schema {found}, and this version of the package knows {SCHEMA} at most: "
            "update the package here, too"
        )
    if found < SCHEMA:
        raise ConfigurationError(
            f"the ledger is of schema {found}, and this version of the package needs {SCHEMA}: the next push "
            "migrates it, or do it now by `airflow profiles ledger migrate`"
        )


def migrate(engine: Engine, run: str = "", *, clock: Callable[[], float] = time.time) -> bool:
    """Bring a ledger to this package's version, or make one, in one transaction.

    Where the version is right already, nothing but that is asked: rights to the tables' rows are enough.
    Nobody can take the lease of a target meanwhile; one that belongs to ``run`` itself, from an earlier try,
    does not count.

    Returns:
        whether it is done; False where a push is under way, or another task is at it: try again later.

    Raises:
        ConfigurationError: the ledger is newer than the package, or this role may not alter its tables.
        LedgerFailed: the database does not do what it is asked.
    """
    supported_dialect(engine.dialect.name)
    with begun(engine) as connection:
        found = found_schema(connection)
    if found < SCHEMA:
        try:
            return _migrate(engine, run, clock)
        except _NotNow:
            return False
    require_schema(found)
    return True


def script(engine: Engine) -> str:
    """Return what `migrate` would do, as SQL for somebody who may; the empty text where it is done."""
    with begun(engine) as connection:
        found = found_schema(connection)
    if found >= SCHEMA:
        require_schema(found)
        return ""
    statements = ["begin", *_missing(found, engine.dialect.name), *_written_down(found), "commit"]
    return "".join(f"{statement};\n" for statement in statements)


def _missing(found: int, dialect: str) -> Iterator[str]:
    for migration in MIGRATIONS[found:]:
        yield from migration.statements(dialect)


def _written_down(found: int) -> Sequence[str]:
    """Write down the version: of tables that were made by hand there may be none."""
    written = f"insert into profile_ledger_meta (name, value) values ('schema', '{SCHEMA}')"
    return (["delete from profile_ledger_meta where name = 'schema'"] if found else []) + [written]


class _NotNow(Exception):
    """Somebody else is at it, or a push is under way; never leaves this module."""


def _migrate(engine: Engine, run: str, clock: Callable[[], float]) -> bool:
    with ledger_errors(), _alone(engine) as connection:
        found = found_schema(connection)  # another task may have done it meanwhile
        if found < SCHEMA:
            if found and _is_busy(connection, found, run, clock()):
                raise _NotNow
            for statement in [*_missing(found, engine.dialect.name), *_written_down(found)]:
                _executed(connection, statement, found)
    require_schema(max(found, SCHEMA))
    return True


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction that no other migration runs beside, and no push takes a lease in."""
    from sqlalchemy.exc import OperationalError

    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            try:
                connection.exec_driver_sql("begin immediate")
            except OperationalError as error:
                if _code(error) in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
                    raise _NotNow from None
                raise
        else:
            connection.exec_driver_sql(f"set local lock_timeout = '{_LOCK_SECONDS}s'")
            _executed(connection, f"select pg_advisory_xact_lock({_LOCK})", 0)
        yield connection
        connection.commit()


def _is_busy(connection: Connection, found: int, run: str, now: float) -> bool:
    """Whether a push holds a lease; none can be taken from now on."""
    until = "until" if found == 1 else "held_until"
    if connection.dialect.name == "postgresql":
        _executed(connection, "lock table profile_ledger_leases in share row exclusive mode", found)
    rows = connection.exec_driver_sql(f"select run, {until} from profile_ledger_leases").all()
    return any(moment > now and owner != run[:1000] for owner, moment in rows)


def _executed(connection: Connection, statement: str, found: int) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection.exec_driver_sql(statement)
    except SQLAlchemyError as error:
        code = _code(error)
        if code == "55P03":  # lock_not_available: somebody reads the table for long
            raise _NotNow from None
        if code not in {"42501", "SQLITE_READONLY"}:
            raise
    else:
        return
    there = f"is of schema {found}" if found else "has no tables so far"
    raise ConfigurationError(
        f"the ledger {there}, this version of the package needs {SCHEMA}, and this role may not do that: let "
        "the tables' owner run `airflow profiles ledger migrate`, or the SQL that its --sql prints"
    )


def _code(error: Any) -> str:
    """Return the database's own code of an error."""
    found = getattr(error, "orig", None)
    return str(getattr(found, "sqlite_errorname", None) or getattr(found, "sqlstate", None) or "")
