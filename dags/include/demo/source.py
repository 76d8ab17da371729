"""The demo's input: people and listed companies in a SQLite file, what the vendors hold of it, what changes.

Some rows are bad on purpose. ``FAULTS`` says which vendor stops each of them, and with which verdict.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow_profile_provider.sandbox import Sandbox

Row = dict[str, Any]

SONORAN_NAME = "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"
SONORAN_CITY = "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12"
CHAIN = ("sonoran", "communifire", "agilenow", "ocamba")
VENDORS = (*CHAIN, "lightfield")

# One row of each kind is in the tables: vendor, verdict, what is wrong.
FAULTS: Mapping[str, tuple[str, str, str]] = {
    "unknown account": ("sonoran", "rejected", "an account id that the community does not have"),
    "another unknown account": ("sonoran", "rejected", "an account id that the community does not have"),
    "no account": ("sonoran", "invalid", "no account id"),
    "unknown user": ("communifire", "rejected", "a user id that the site does not have"),
    "no company": ("communifire", "invalid", "a null where nobody said what null means"),
    "bad language": ("agilenow", "invalid", "a language that the server does not offer"),
    "gone at agilenow": ("agilenow", "rejected", "an account id that the server does not have"),
    "bytes as comment": ("ocamba", "invalid", "bytes where text belongs"),
    "unknown profile": ("ocamba", "rejected", "a profile id that Ocamba does not have"),
    "unknown company": ("lightfield", "rejected", "an account id that the workspace does not have"),
    "no website list": ("lightfield", "invalid", "an object where a list of addresses belongs"),
    "unlinked company": ("lightfield", "invalid", "no account id"),
}
# What changes later, and is sent to this vendor alone: column, value.
_NEWS: Mapping[str, tuple[str, str]] = {
    "sonoran": ("city", "Uusikaupunki"),
    "communifire": ("company", "Ångström & Daughters"),
    "agilenow": ("language", "pt-PT"),
    "ocamba": ("comment", "Has moved"),
    "lightfield": ("country", "Åland"),
}
_LANGUAGES = ("en-US", "fi-FI", "de-DE", "fr-FR", "es-ES")
_PEOPLE_TABLE = """
create table people (
    person_id integer primary key, first_name text, last_name text, full_name text, email text, phone text,
    company text, city text, language text, comment, sonoran_id text, communifire_id text, agilenow_id text,
    ocamba_id text, fault text
)"""
_COMPANIES_TABLE = """
create table companies (
    company_id integer primary key, name text, symbol text, country text, websites text, lightfield_id text,
    fault text
)"""


def make_people(number: int) -> list[Row]:
    """People of a fixed seed."""
    from faker import Faker

    faker, chance = Faker(["en_US", "de_DE", "fi_FI", "es_ES"]), random.Random(1815)
    Faker.seed(1815)
    people = []
    for n in range(1, number + 1):
        first, last = faker.first_name(), faker.last_name()
        people.append(
            {
                "person_id": n,
                "first_name": first,
                "last_name": last,
                "full_name": f"{first} {last}",
                "email": f"person{n}@example.com",
                "phone": f"+358555{n:06d}",
                "company": faker.company(),
                "city": faker.city() if n % 10 else None,  # unknown: must be left alone, not cleared
                "language": chance.choice(_LANGUAGES),
                "comment": f"Customer since {2000 + n % 25}",
                "sonoran_id": _uuid(chance),
                "communifire_id": str(1000 + n),
                "agilenow_id": _uuid(chance),
                "ocamba_id": str(17430755068736000000 + n),
                "fault": None,
            }
        )
    people[4]["company"] = "{{ var.value.secret }} & Söhne"  # not a template: a name like any other
    return people


def make_companies() -> list[Row]:
    """The listed companies of pytickersymbols."""
    from pytickersymbols import PyTickerSymbols

    return [
        {
            "company_id": n,
            "name": stock["name"],
            "symbol": stock.get("symbol") or "-",
            "country": stock.get("country") or "unknown",
            "websites": json.dumps(_websites(stock)),
            "lightfield_id": f"acc_{n:020d}",
            "fault": None,
        }
        for n, stock in enumerate(PyTickerSymbols().get_all_stocks(), 1)
        if stock.get("name")
    ]


def _websites(stock: Mapping[str, Any]) -> list[str]:
    found = re.match(
        r"(?:https?://)?([\w-]+(?:\.[\w-]+)+)", (stock.get("metadata") or {}).get("website") or ""
    )
    return [f"https://{found[1]}"] if found else []


def spoil(people: list[Row], companies: list[Row]) -> None:
    """Make some rows bad, spread over the tables."""
    changes: dict[str, Row] = {
        "unknown account": {"sonoran_id": "00000000-0000-4000-8000-000000000001"},
        "another unknown account": {"sonoran_id": "00000000-0000-4000-8000-000000000002"},
        "no account": {"sonoran_id": None},
        "unknown user": {"communifire_id": "999999"},
        "no company": {"company": None},
        "bad language": {"language": "tlh-001"},
        "gone at agilenow": {"agilenow_id": "00000000-0000-4000-8000-000000000003"},
        "bytes as comment": {"comment": b"\x00\xff"},
        "unknown profile": {"ocamba_id": "99999999999999999999"},
        "unknown company": {"lightfield_id": "acc_00000000000000000000"},
        "no website list": {"websites": json.dumps({"url": "https://example.com"})},
        "unlinked company": {"lightfield_id": None},
    }
    for n, (fault, (vendor, *_)) in enumerate(FAULTS.items(), 1):
        rows = companies if vendor == "lightfield" else people
        rows[n * 17].update(changes[fault], fault=fault)


def write_database(path: Path, people: Iterable[Row], companies: Iterable[Row]) -> None:
    """Write both tables into a new SQLite file."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, definition, rows in (
            ("people", _PEOPLE_TABLE, list(people)),
            ("companies", _COMPANIES_TABLE, list(companies)),
        ):
            connection.execute(definition)
            names = list(rows[0])
            values = ", ".join(f":{name}" for name in names)
            connection.executemany(f"insert into {table} ({', '.join(names)}) values ({values})", rows)


def change_rows(path: Path, each: int = 2) -> int:
    """Change so many good rows for each vendor, in a column that no other vendor gets; return how many."""
    changed = 0
    with closing(sqlite3.connect(path)) as connection, connection:
        for n, vendor in enumerate(VENDORS):
            table, (column, value) = "people" if vendor in CHAIN else "companies", _NEWS[vendor]
            rows = f"select rowid from {table} where fault is null order by rowid limit ? offset ?"
            query = f"update {table} set {column} = ? where rowid in ({rows})"
            changed += connection.execute(query, [value, each, each * n]).rowcount
    return changed


def read_rows(path: Path, table: str) -> list[Row]:
    """Read a table of the SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"select * from {table} order by rowid")]


def load_sandbox(sandbox: Sandbox, people: Iterable[Row], companies: Iterable[Row]) -> None:
    """Let the vendors hold everybody as before the first run, with fields that the chain never touches."""
    rows = list(people)
    sandbox.load(
        "sonoran",
        {
            row["sonoran_id"]: {
                SONORAN_NAME: "before",
                SONORAN_CITY: "before",
                "discord": f"{row['person_id']:018d}",
            }
            for row in rows
        },
    )
    sandbox.load(
        "communifire",
        {
            row["communifire_id"]: {
                "Email": row["email"],
                "Username": f"person{row['person_id']}",
                "First name": "before",
                "Last name": "before",
                "Company": "before",
                "Phone": "before",
                "Share my profile": "true",
            }
            for row in rows
        },
    )
    sandbox.load("agilenow", {row["agilenow_id"]: _agilenow_account(row) for row in rows})
    sandbox.load(
        "ocamba",
        {
            row["ocamba_id"]: {
                "email": f"before{row['person_id']}@example.com",
                "mobile_phone_number": "before",
                "full_name": "before",
                "organization_id": "1000",
                "lists": ["1000101"],
                "comment": "before",
                "custom_properties": {"tier": "gold"},
            }
            for row in rows
        },
    )
    sandbox.load(
        "lightfield",
        {row["lightfield_id"]: {"$name": "before", "$website": [], "tier": "standard"} for row in companies},
        definitions={"country": {"valueType": "TEXT"}, "ticker": {"valueType": "TEXT"}},
        relationships={row["lightfield_id"]: {"$owner": ["mem_1815"]} for row in companies},
    )


def _agilenow_account(row: Row) -> Row:
    n = row["person_id"]
    return {
        "Name": "before",
        "FirstName": "before",
        "LastName": "before",
        "Phone": "before",
        "Email": row["email"],
        "Identifier": f"ID-{n:06d}",
        "IdentifierVerified": True,
        "LanguageId": "sv-se",
        "TimezoneId": "FLE Standard Time",
        "DateFormatId": "DD.MM.YYYY",
        "Username": f"person{n}",
        "ExternalId": f"E-{n:06d}",
        "NotifyByEmail": True,
        "NotifyBySMS": True,
        "Is_Active": True,
    }


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
