"""The tables of single examples: the history of `push_interval`, the outbox of `on_profile_change`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from include.demo.stage import DEMO

OUTBOX = DEMO / "outbox.db"

_HISTORY = """
create table people_history as
    select ocamba_id, email, full_name, strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-3 hours') as updated_at
    from people where fault is null limit 20
"""
_OUTBOX = """
create table profile_outbox (
    id integer primary key autoincrement,
    key text not null,
    fields text not null,
    created text default current_timestamp,
    delivered text
)
"""


def make_history(people: Path) -> None:
    """Let twenty people have changed in the last data interval, in the database of the table ``people``."""
    with closing(sqlite3.connect(people)) as connection, connection:
        connection.execute(_HISTORY)


def make_outbox(database: Path) -> None:
    """Make an empty outbox in a database of its own, as an application has it."""
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(_OUTBOX)
