"""The demo's input: people and listed companies in a SQLite file, what the vendors hold of it, what changes.

The nightly chain finds the vendors' ids by itself; they are in the tables for other examples, and so that the
demo can judge what was found. Some rows are bad on purpose. ``FAULTS`` says which vendor stops each of them,
and with which verdict.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    "unknown account": ("sonoran", "rejected", "a user name that the community does not have"),
    "another unknown account": ("sonoran", "rejected", "a user name that the community does not have"),
    "no account": ("sonoran", "invalid", "no user name"),
    "unknown user": ("communifire", "rejected", "a user name that the site does not have"),
    "no company": ("communifire", "invalid", "a null where nobody said what null means"),
    "bad language": ("agilenow", "invalid", "a language that the server does not offer"),
    "twice at agilenow": ("agilenow", "rejected", "an e-mail address that two accounts have"),
    "bytes as comment": ("ocamba", "invalid", "bytes where text belongs"),
    "unknown profile": ("ocamba", "rejected", "an e-mail address that Ocamba does not have"),
    "unknown company": ("lightfield", "rejected", "a company number that the workspace does not have"),
    "no website list": ("lightfield", "invalid", "an object where a list of addresses belongs"),
    "unlinked company": ("lightfield", "invalid", "no company number"),
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
    username text, company text, city text, language text, comment, sonoran_id text, communifire_id text,
    agilenow_id text, ocamba_id text, fault text
)"""
_COMPANIES_TABLE = """
create table companies (
    company_id integer primary key, number text, name text, symbol text, country text, websites text,
    lightfield_id text, fault text
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
                "username": f"person{n}",
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


def make_companies(most: int) -> list[Row]:
    """The first listed companies of pytickersymbols."""
    from pytickersymbols import PyTickerSymbols

    return [
        {
            "company_id": n,
            "number": f"C-{n:05d}",
            "name": stock["name"],
            "symbol": stock.get("symbol") or "-",
            "country": stock.get("country") or "unknown",
            "websites": json.dumps(_websites(stock)),
            "lightfield_id": f"acc_{n:020d}",
            "fault": None,
        }
        for n, stock in enumerate(PyTickerSymbols().get_all_stocks(), 1)
        if stock.get("name")
    ][:most]


def _websites(stock: Mapping[str, Any]) -> list[str]:
    found = re.match(
        r"(?:https?://)?([\w-]+(?:\.[\w-]+)+)", (stock.get("metadata") or {}).get("website") or ""
    )
    return [f"https://{found[1]}"] if found else []


def spoil(people: list[Row], companies: list[Row]) -> None:
    """Make some rows bad, spread over the tables."""
    changes: dict[str, Row] = {
        "unknown account": {"username": "nobody1"},
        "another unknown account": {"username": "nobody2"},
        "no account": {"username": None},
        "no company": {"company": None},
        "bad language": {"language": "tlh-001"},
        "bytes as comment": {"comment": b"\x00\xff"},
        "unknown profile": {"ocamba_id": "99999999999999999999"},
        "no website list": {"websites": json.dumps({"url": "https://example.com"})},
        "unlinked company": {"number": None},
    }
    for fault, row in _chosen(people, companies):
        row.update(changes.get(fault, {}), fault=fault)


def _chosen(people: Sequence[Row], companies: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each fault with the row that has it."""
    for n, (fault, (vendor, *_)) in enumerate(FAULTS.items(), 1):
        yield fault, (companies if vendor == "lightfield" else people)[n * 17]


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


def load_sandbox(sandbox: Sandbox, people: Sequence[Row], companies: Sequence[Row]) -> None:
    """Let the vendors hold everybody as before the first run, with fields that the chain never touches.

    Whom a vendor does not know, or knows twice, it must be so from the start.
    """
    rows, odd = list(people), dict(_chosen(people, companies))
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
        identifiers={row["sonoran_id"]: {"username": row["username"]} for row in rows},
    )
    sandbox.load(
        "communifire",
        {
            row["communifire_id"]: {
                "Email": row["email"],
                "Username": row["username"],
                "First name": "before",
                "Last name": "before",
                "Company": "before",
                "Phone": "before",
                "Share my profile": "true",
            }
            for row in rows
            if row is not odd["unknown user"]
        },
    )
    accounts = {row["agilenow_id"]: _agilenow_account(row) for row in rows}
    second = {"Username": "second", "Identifier": "ID-second", "ExternalId": "E-second"}
    accounts["00000000-0000-4000-8000-000000000003"] = _agilenow_account(odd["twice at agilenow"]) | second
    sandbox.load("agilenow", accounts)
    sandbox.load(
        "ocamba",
        {
            row["ocamba_id"]: {
                "email": row["email"],
                "mobile_phone_number": "before",
                "full_name": "before",
                "organization_id": "1000",
                "lists": ["1000101"],
                "comment": "before",
                "custom_properties": {"tier": "gold"},
            }
            for row in rows
            if row is not odd["unknown profile"]
        },
    )
    sandbox.load(
        "lightfield",
        {
            row["lightfield_id"]: {
                "$name": "before",
                "$website": [],
                "companyNumber": row["number"],
                "tier": "standard",
            }
            for row in companies
            if row is not odd["unknown company"]
        },
        definitions={name: {"valueType": "TEXT"} for name in ("country", "ticker", "companyNumber")},
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
