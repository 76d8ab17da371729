"""A ledger as the package's second version made and filled it, frozen: text, and nothing of today's code."""

from __future__ import annotations

from . import schema_1

TABLES = {
    "sqlite": """
        CREATE TABLE profile_ledger_meta (
            name varchar(40) not null primary key, value text not null
        );
        CREATE TABLE profile_ledger_targets (
            id integer not null primary key, target varchar(250) not null, key_type varchar(100) not null,
            address varchar(500), unique (target, key_type)
        );
        CREATE TABLE profile_ledger_leases (
            name varchar(250) not null primary key, run varchar(1000) not null, token varchar(40) not null,
            held_until float not null
        );
        CREATE TABLE profile_ledger (
            target integer not null, "key" varchar(500) not null, "row" blob,
            fields text default '{}' not null, doubt smallint default 0 not null, "order" bigint,
            refused varchar(40), refusals integer default 0 not null, refused_run varchar(1000),
            refused_at float default 0 not null, sent varchar(40), primary key (target, "key")
        ) without rowid
    """,
    "postgres": """
        CREATE TABLE profile_ledger_meta (
            name varchar(40) not null primary key, value text not null
        );
        CREATE TABLE profile_ledger_targets (
            id serial not null primary key, target varchar(250) not null, key_type varchar(100) not null,
            address varchar(500), unique (target, key_type)
        );
        CREATE TABLE profile_ledger_leases (
            name varchar(250) not null primary key, run varchar(1000) not null, token varchar(40) not null,
            held_until float not null
        );
        CREATE TABLE profile_ledger (
            target integer not null, "key" varchar(500) not null, "row" bytea,
            fields text default '{}' not null, doubt bigint default 0 not null, "order" bigint,
            refused varchar(40), refusals integer default 0 not null, refused_run varchar(1000),
            refused_at float default 0 not null, sent varchar(40), primary key (target, "key")
        )
    """,
}


def contents(target: str, key_type: str, rows: schema_1.Rows, *, shape: str, more: str = "") -> list[str]:
    """Return the statements that fill a ledger's tables; what they write is what the first version wrote."""
    _, *others = schema_1.contents(target, key_type, rows, shape=shape, more=more)
    return ["insert into profile_ledger_meta (name, value) values ('schema', '2')", *others]
