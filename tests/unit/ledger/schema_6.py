"""A ledger as the package's sixth version made and filled it, frozen: text, and nothing of today's code.

Fields' fingerprints are salted, and packed: the number of the field in one byte, and eight bytes behind it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from . import schema_1

_TABLES = """
    create table profile_ledger_meta (
        name varchar(40) not null primary key, value text not null
    );
    create table profile_ledger_targets (
        id {id} not null primary key, target varchar(250) not null, key_type varchar(100) not null,
        address varchar(500), unique (target, key_type)
    );
    create table profile_ledger_leases (
        name varchar(250) not null primary key, run varchar(1000) not null, token varchar(40) not null,
        held_until float not null
    );
    create table profile_ledger (
        target integer not null, "key" varchar(500) not null, "row" {bytes},
        fields text default '{{}}' not null, doubt bigint default 0 not null, "order" bigint,
        refused varchar(40), refusals integer default 0 not null, refused_run varchar(1000),
        refused_at float default 0 not null, sent varchar(40), prints {bytes}, scopes varchar(4000),
        spelled varchar(500), absent bigint default 0 not null, primary key (target, "key")
    ){without};
    create index profile_ledger_refused on profile_ledger (target, "key") where refusals > 0;
    create table profile_ledger_ids (
        target integer not null, key_type varchar(100) not null, "key" varchar(500) not null,
        id varchar(500) not null, profile varchar(500) not null, primary key (target, key_type, "key"),
        unique (target, key_type, profile)
    );
    create table profile_ledger_scopes (
        target integer not null, id integer not null, name varchar(520) not null,
        watched_at float default 0 not null, primary key (target, id), unique (target, name)
    );
    create table profile_history_pushes (
        id integer not null primary key, dag varchar(250) default '' not null,
        run varchar(250) default '' not null, task varchar(250) default '' not null,
        map_index integer default -1 not null, try integer default 1 not null,
        target varchar(250) not null, key_type varchar(100) not null, begun float not null, ended float,
        complete smallint default 0 not null, kept_until float not null
    );
    create table profile_history_counts (
        push integer not null, verdict varchar(20) not null, reason varchar(300) not null,
        number bigint not null, primary key (push, verdict, reason)
    ){without};
    create table profile_history_records (
        push integer not null, number integer not null, "key" varchar(500){collate} not null,
        position bigint not null, verdict varchar(20) not null, reason varchar(300) default '' not null,
        at float not null, primary key (push, number)
    ){without}
"""
TABLES = {
    "sqlite": _TABLES.format(id="integer", bytes="blob", without=" without rowid", collate=""),
    "postgres": _TABLES.format(id="serial", bytes="bytea", without="", collate=' collate "C"'),
}


def packed(key: str, fields: dict[str, Any], shape: str) -> bytes:
    """Return the fingerprints of a record's fields; they are numbered from 1 in their order."""
    secret, kept = bytes.fromhex(schema_1.KEY), b""
    for number, (name, value) in enumerate(fields.items(), 1):
        plain = bytes.fromhex(schema_1.field_print(name, value, shape))
        kept += (
            bytes([number])
            + blake2b(key.encode() + plain, key=secret, digest_size=8, person=b"field").digest()
        )
    return kept


def contents(target: str, key_type: str, rows: schema_1.Rows, *, shape: str, more: str = "") -> list[str]:
    """Return the statements that fill a ledger's tables."""
    names = {name: None for _, fields, _ in rows for name in fields}
    statements = [
        "insert into profile_ledger_meta (name, value) values ('schema', '6')",
        f"insert into profile_ledger_meta (name, value) values ('key', '{schema_1.KEY}')",
        *(
            f"insert into profile_ledger_meta (name, value) values ('field {number}', '\"{name}\"')"
            for number, name in enumerate(names, 1)
        ),
        f"insert into profile_ledger_targets (target, key_type) values ('{target}', '{key_type}')",
    ]
    for key, fields, columns in rows:
        is_sqlite = str(columns.get("row", "")).startswith("x")
        hexed = packed(key, fields, shape).hex()
        prints = f"x'{hexed}'" if is_sqlite else f"'\\x{hexed}'::bytea"
        written = {"target": 1, "key": key, "fields": "", "prints": prints, **columns}
        listed = ", ".join(f'"{name}"' for name in written)
        bare = (*schema_1._BARE, "prints")
        values = ", ".join(str(value) if name in bare else f"'{value}'" for name, value in written.items())
        statements.append(f"insert into profile_ledger ({listed}) values ({values})")
    return statements + ([more] if more else [])
