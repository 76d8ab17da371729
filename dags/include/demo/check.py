"""Compares what the vendors hold after a run with what the input says they should hold, field by field.

Nothing here looks at the package: what should have happened is worked out of the rows and of the faults that
were put into them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.demo.source import CHAIN, FAULTS, SONORAN_CITY, SONORAN_NAME, VENDORS, Row, read_rows

Profiles = Mapping[str, Mapping[str, Any]]
Source = Mapping[str, list[Row]]

IDS = {"people": "person_id", "companies": "company_id"}
KEYS = {
    "sonoran": "sonoran_id",
    "communifire": "communifire_id",
    "agilenow": "agilenow_id",
    "ocamba": "ocamba_id",
    "lightfield": "lightfield_id",
}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "sonoran": {SONORAN_NAME: "full_name", SONORAN_CITY: "city"},
    "communifire": {
        "First name": "first_name",
        "Last name": "last_name",
        "Company": "company",
        "Phone": "phone",
    },
    "agilenow": {
        "Name": "full_name",
        "FirstName": "first_name",
        "LastName": "last_name",
        "Phone": "phone",
        "LanguageId": "language",
    },
    "ocamba": {
        "email": "email",
        "full_name": "full_name",
        "mobile_phone_number": "phone",
        "comment": "comment",
    },
    "lightfield": {"$name": "name", "$website": "websites", "country": "country", "ticker": "symbol"},
}


@dataclass
class Expected:
    """What one vendor should have received, said of it, and hold afterwards."""

    received: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Comparison:
    """How many fields were compared with the sandbox's, and which differ."""

    profiles: int = 0
    fields: int = 0
    changed: int = 0
    differences: list[str] = field(default_factory=list)


def read_source(database: Path) -> Source:
    """The rows of both tables."""
    return {table: read_rows(database, table) for table in ("people", "companies")}


def expect_all(
    source: Source, before: Mapping[str, Profiles], known: Source | None = None
) -> dict[str, Expected]:
    """Work out what every vendor should hold after the chain; ``known``: the source of the run before."""
    return {vendor: expect(vendor, source, before[vendor], known) for vendor in VENDORS}


def expect(vendor: str, source: Source, before: Profiles, known: Source | None = None) -> Expected:
    """Work out what a vendor should hold, given the rows and what it held before."""
    table = "people" if vendor in CHAIN else "companies"
    expected = Expected(profiles={key: dict(profile) for key, profile in before.items()})
    sent = {row[IDS[table]]: _sent(vendor, row) for row in known[table]} if known else {}
    for row in source[table]:
        stopped_at, verdict, _ = FAULTS.get(row["fault"] or "", ("", "", ""))
        if stopped_at in CHAIN and vendor in CHAIN and CHAIN.index(stopped_at) < CHAIN.index(vendor):
            continue  # whom one system did not take is not offered to the next
        expected.received += 1
        if stopped_at == vendor:
            expected.verdicts[verdict] += 1  # each time: what was refused is sent again
            continue
        key, fields = _sent(vendor, row)
        expected.verdicts["unchanged" if sent.get(row[IDS[table]]) == (key, fields) else "pushed"] += 1
        for name, value in fields.items():
            if value is not None:
                expected.profiles[key][name] = value
    return expected


def _sent(vendor: str, row: Row) -> tuple[str, Row]:
    """The key and the fields that a row is to a vendor."""
    fields = {
        name: json.loads(row[column]) if column == "websites" else row[column]
        for name, column in FIELDS[vendor].items()
    }
    return row[KEYS[vendor]], fields


def compare(expected: Profiles, before: Profiles, after: Profiles) -> Comparison:
    """Compare every field of every profile, also those that nobody was to touch."""
    result = Comparison(profiles=len(after))
    for key in sorted({*expected, *after}):
        wanted, held = expected.get(key), after.get(key)
        if wanted is None or held is None:
            result.differences.append(f"{key}: {'should not be there' if wanted is None else 'is missing'}")
            continue
        result.changed += held != before.get(key)
        for name in sorted({*wanted, *held}):
            result.fields += 1
            if wanted.get(name) != held.get(name):
                result.differences.append(f"{key} {name}: {held.get(name)!r}, not {wanted.get(name)!r}")
    return result
