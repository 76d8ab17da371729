"""An outbox of people whom all five vendors know, as an application sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from include.demo.source import VENDORS
from sqlalchemy import Engine, text

_DDL = """
create table people_outbox (
    id bigint generated always as identity primary key,
    sonoran_id text not null, communifire_id text not null, agilenow_id text not null,
    ocamba_id text not null, lightfield_id text not null,
    fields jsonb not null,
    created timestamptz not null default now(),
    sonoran text, communifire text, agilenow text, ocamba text, lightfield text
)"""


@dataclass(frozen=True)
class People:
    """The application: it commits changes, and sees the marks."""

    engine: Engine
    keys: dict[str, list[str]]

    def make(self) -> None:
        """Make the table."""
        with self.engine.begin() as connection:
            connection.execute(text(_DDL))

    def commit(self, person: int, name: str, **keys: str) -> int:
        """Commit a change of a person whom all vendors know, under these keys where they are given."""
        own = {f"{vendor}_id": keys.get(vendor, self.keys[vendor][person]) for vendor in VENDORS}
        values = own | {"fields": json.dumps(dict.fromkeys(("full_name", "first_name", "company"), name))}
        places = ", ".join(f"cast(:{each} as jsonb)" if each == "fields" else f":{each}" for each in values)
        insert = f"insert into people_outbox ({', '.join(values)}) values ({places}) returning id"
        with self.engine.begin() as connection:
            return int(connection.execute(text(insert), values).scalar_one())

    def marks(self, number: int) -> dict[str, str | None]:
        """The marks of a row, by vendor."""
        query = text(f"select {', '.join(VENDORS)} from people_outbox where id = :number")
        with self.engine.connect() as connection:
            return dict(connection.execute(query, {"number": number}).mappings().one())
