"""A ledger as the package's third version made it, frozen: text, and nothing of today's code.

Of entries that it had not met yet, a ledger of that age still held what the second version wrote.
"""

from __future__ import annotations

from . import schema_1, schema_2

TABLES = {
    name: tables.replace("sent varchar(40), primary key", f"sent varchar(40), prints {kind}, primary key")
    for name, tables, kind in (
        ("sqlite", schema_2.TABLES["sqlite"], "blob"),
        ("postgres", schema_2.TABLES["postgres"], "bytea"),
    )
}


def contents(target: str, key_type: str, rows: schema_1.Rows, *, shape: str, more: str = "") -> list[str]:
    """Return the statements that fill a ledger's tables."""
    _, *others = schema_2.contents(target, key_type, rows, shape=shape, more=more)
    return ["insert into profile_ledger_meta (name, value) values ('schema', '3')", *others]
