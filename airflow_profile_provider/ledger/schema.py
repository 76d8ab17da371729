"""The ledger's tables, version by version.

Each version is plain SQL, written once and never changed afterwards: a ledger that is made anew goes through
all of them, an older one through those that it lacks. To change a table, append a version, and describe the
outcome in `tables`: a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass


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
_COUNTED = """create table profile_ledger_counted (
  target integer not null primary key,
  entries bigint not null,
  since bigint default 0 not null,
  counted_at float not null
)"""
"""How many keys there were; ``since``: how many entries pushes have written since then, new ones or not."""
_COUNT = """insert into profile_ledger_counted (target, entries, counted_at)
select target, count(*), {now} from profile_ledger group by target"""
_COUNTABLE = (
    "drop index if exists profile_ledger_refused",
    'create index profile_ledger_refused on profile_ledger (target, "key", refusals, refused_at) '
    "where refusals > 0",
    "create index profile_ledger_doubt on profile_ledger (target) where doubt <> 0",
    'create index profile_ledger_newest on profile_ledger (target, "order") where "order" is not null',
)
_BY_CODE_POINTS = 'alter table profile_ledger alter column "key" type varchar(500) collate "C"'
"""As SQLite compares: else no index finds keys by how they begin."""
_EMPTY_FIELDS = "nullif(nullif(fields, ''), '{}')"
_SMALL = """create table profile_ledger_small (
  target smallint not null,
  "key" varchar(500) not null,
  "row" blob,
  fields text,
  doubt bigint,
  "order" bigint,
  refused varchar(40),
  refusals integer,
  refused_run varchar(1000),
  refused_at float,
  sent varchar(40),
  prints blob,
  scopes varchar(4000),
  spelled varchar(500),
  absent_since bigint,
  primary key (target, "key")
) without rowid"""
_SMALL_SQLITE = (
    _SMALL,
    f"""insert into profile_ledger_small select
  target, "key", substr("row", 1, 6), {_EMPTY_FIELDS}, nullif(doubt, 0), "order", refused,
  nullif(refusals, 0), refused_run, nullif(refused_at, 0), sent, prints, scopes, spelled, nullif(absent, 0)
from profile_ledger order by target, "key\"""",
    "drop table profile_ledger",
    "alter table profile_ledger_small rename to profile_ledger",
    *_COUNTABLE,
)
_SMALL_POSTGRESQL = (
    "set local statement_timeout = 0",
    "alter table profile_ledger rename column absent to absent_since",
    f"""alter table profile_ledger
  alter column target type smallint,
  alter column "row" type bytea using substr("row", 1, 6),
  alter column fields drop default, alter column fields drop not null,
  alter column fields type text using {_EMPTY_FIELDS},
  alter column doubt drop default, alter column doubt drop not null,
  alter column doubt type bigint using nullif(doubt, 0),
  alter column refusals drop default, alter column refusals drop not null,
  alter column refusals type integer using nullif(refusals, 0),
  alter column refused_at drop default, alter column refused_at drop not null,
  alter column refused_at type float using nullif(refused_at, 0),
  alter column absent_since drop default, alter column absent_since drop not null,
  alter column absent_since type bigint using nullif(absent_since, 0)""",
)
"""Both write the table anew. Where a table stays, so do the rights to it: SQLite has none."""

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
    # What the page shows of a ledger in numbers, found without a look at each of its keys (see `counted`).
    Migration(
        ("profile_ledger_counted", "counted_at"),
        sqlite=(
            _COUNTED,
            _COUNT.format(now="cast(strftime('%s', 'now') as float)"),
            *_COUNTABLE,
        ),
        postgresql=(
            _COUNTED,
            _COUNT.format(now="extract(epoch from now())"),
            _BY_CODE_POINTS,
            *_COUNTABLE,
        ),
    ),
    # Shorter fingerprints, and NULL where there is nothing to say. Both write the whole table anew.
    Migration(("profile_ledger", "absent_since"), sqlite=_SMALL_SQLITE, postgresql=_SMALL_POSTGRESQL),
)
SCHEMA = len(MIGRATIONS)
"""The version that this package reads and writes."""
