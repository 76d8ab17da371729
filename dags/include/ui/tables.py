"""The tables of single examples: the history of `push_interval`, the outboxes of those that are woken."""

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
_PEOPLE_OUTBOX = """
create table people_outbox (
    id integer primary key autoincrement,
    sonoran_id text not null, communifire_id text not null, agilenow_id text not null,
    ocamba_id text not null, lightfield_id text not null,
    fields text not null,
    created text default current_timestamp,
    sonoran text, communifire text, agilenow text, ocamba text, lightfield text
)
"""


def make_history(people: Path) -> None:
    """Let twenty people have changed in the last data interval, in the database of the table ``people``."""
    with closing(sqlite3.connect(people)) as connection, connection:
        connection.execute(_HISTORY)


def make_outbox(database: Path) -> None:
    """Make two empty outboxes in a database of their own, as an application has them."""
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(_OUTBOX)
        connection.execute(_PEOPLE_OUTBOX)


def commit_person(people: Path, outbox: Path, fields: str) -> None:
    """Write a change of one person, whom all five vendors know, as an application would."""
    ids = "sonoran_id, communifire_id, agilenow_id, ocamba_id"
    with closing(sqlite3.connect(people)) as known:
        person = known.execute(f"select {ids} from people where fault is null").fetchone()
        company = known.execute("select lightfield_id from companies where fault is null").fetchone()
    with closing(sqlite3.connect(outbox)) as connection, connection:
        connection.execute(
            f"insert into people_outbox ({ids}, lightfield_id, fields) values (?, ?, ?, ?, ?, ?)",
            (*person, *company, fields),
        )
