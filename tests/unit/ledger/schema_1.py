"""A ledger as the package's first version made and filled it, frozen: text, and nothing of today's code."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

TABLES = {
    "sqlite": """
        CREATE TABLE profile_ledger_meta (
            name VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name)
        );
        CREATE TABLE profile_ledger_targets (
            id INTEGER NOT NULL, target VARCHAR(250) NOT NULL, key_type VARCHAR(100) NOT NULL,
            PRIMARY KEY (id), UNIQUE (target, key_type)
        );
        CREATE TABLE profile_ledger_leases (
            name VARCHAR(250) NOT NULL, run VARCHAR(1000) NOT NULL, token VARCHAR(40) NOT NULL,
            until FLOAT NOT NULL, PRIMARY KEY (name)
        );
        CREATE TABLE profile_ledger (
            target INTEGER NOT NULL, "key" VARCHAR(500) NOT NULL, "row" BLOB,
            fields TEXT DEFAULT '{}' NOT NULL, doubt SMALLINT DEFAULT '0' NOT NULL, "order" BIGINT,
            refused VARCHAR(40), refusals INTEGER DEFAULT '0' NOT NULL, refused_run VARCHAR(1000),
            refused_at FLOAT DEFAULT '0' NOT NULL, PRIMARY KEY (target, "key")
        ) WITHOUT ROWID
    """,
    "postgres": """
        CREATE TABLE profile_ledger_meta (
            name VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name)
        );
        CREATE TABLE profile_ledger_targets (
            id SERIAL NOT NULL, target VARCHAR(250) NOT NULL, key_type VARCHAR(100) NOT NULL,
            PRIMARY KEY (id), UNIQUE (target, key_type)
        );
        CREATE TABLE profile_ledger_leases (
            name VARCHAR(250) NOT NULL, run VARCHAR(1000) NOT NULL, token VARCHAR(40) NOT NULL,
            until FLOAT NOT NULL, PRIMARY KEY (name)
        );
        CREATE TABLE profile_ledger (
            target INTEGER NOT NULL, key VARCHAR(500) NOT NULL, row BYTEA,
            fields TEXT DEFAULT '{}' NOT NULL, doubt SMALLINT DEFAULT '0' NOT NULL, "order" BIGINT,
            refused VARCHAR(40), refusals INTEGER DEFAULT '0' NOT NULL, refused_run VARCHAR(1000),
            refused_at FLOAT DEFAULT '0' NOT NULL, PRIMARY KEY (target, key)
        )
    """,
}
KEY = "5a" * 32
"""The secret of fingerprints, in hexadecimal digits."""
SHAPE = "ocamba 1"


def field_print(name: str, value: Any, shape: str, key: str = KEY) -> str:
    """Return a field's fingerprint: that of equal values is the same in every record."""
    hashed = blake2b(shape.encode(), key=bytes.fromhex(key)[:64], digest_size=8)
    hashed.update(json.dumps([name, value], sort_keys=True).encode())
    return hashed.hexdigest()


def whole_print(fields: dict[str, str], shape: str, key: str = KEY) -> str:
    """Return the fingerprint of a whole change."""
    return field_print("", sorted(fields.items()), shape, key)  # type: ignore[arg-type]


Rows = list[tuple[str, dict[str, Any], dict[str, Any]]]
"""Key, fields as they were sent, and other columns."""


def contents(target: str, key_type: str, rows: Rows, *, shape: str, more: str = "") -> list[str]:
    """Return the statements that fill a ledger's tables."""
    statements = [
        "insert into profile_ledger_meta (name, value) values ('schema', '1')",
        f"insert into profile_ledger_meta (name, value) values ('key', '{KEY}')",
        f"insert into profile_ledger_targets (target, key_type) values ('{target}', '{key_type}')",
    ]
    for key, fields, columns in rows:
        prints = {name: field_print(name, value, shape) for name, value in fields.items()}
        written = {"target": 1, "key": key, "fields": json.dumps(prints, separators=(",", ":")), **columns}
        names = ", ".join(f'"{name}"' for name in written)
        values = ", ".join(str(value) if name in _BARE else f"'{value}'" for name, value in written.items())
        statements.append(f"insert into profile_ledger ({names}) values ({values})")
    return statements + ([more] if more else [])


_BARE = ("target", "row", "doubt", "order", "refusals", "refused_at")
