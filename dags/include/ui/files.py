"""Files for the example DAGs that push one file to one vendor, made for the profiles that a sandbox holds.

``write`` also says what the vendor should hold afterwards, so that a test can compare.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from airflow_profile_provider.sandbox import Sandbox

Row = dict[str, Any]


@dataclass
class Sample:
    """A file of changes, and the fields that it should leave at the vendor: {key: {field: value}}."""

    path: Path
    fields: dict[str, Row] = field(default_factory=dict)


def write(
    folder: Path, vendor: str, day: date, sandbox: Sandbox, *, number: int = 50, bad: bool = True
) -> Sample:
    """Write a file of so many changes; with ``bad``, one is for an unknown profile and one cannot be sent."""
    profiles = sandbox.keys(vendor)
    good = list(profiles)[: number - 2 if bad else number]
    sample = Sample(Path(), {})
    rows = []
    for n, key in enumerate(good, 1):
        row, sample.fields[key] = _MAKERS[vendor](n, profiles[key], key)
        rows.append(row)
    if vendor == "lightfield":
        owner = next(links["$owner"][0] for links in sandbox.relationships(vendor).values())
        rows = [{**row, "owner_id": owner} for row in rows]
    if bad:
        rows[7:7] = _bad_rows(vendor, rows[0])
    folder.mkdir(parents=True, exist_ok=True)
    sample.path = _WRITERS[vendor](folder / f"{vendor}-{day:%Y-%m-%d}", rows)
    return sample


def _sonoran(n: int, identifiers: Row, _: str) -> tuple[Row, Row]:
    row = {"username": identifiers["username"], "full_name": f"Ann Åberg {n}", "city": f"Turku {n}"}
    names = ("0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90", "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12")
    return row, dict(zip(names, (row["full_name"], row["city"]), strict=True))


def _communifire(n: int, identifiers: Row, _: str) -> tuple[Row, Row]:
    row = {
        "email": identifiers["Email"],
        "company": f"Company {n}",
        "phone": f"+35840{n:07d}",
        "shares_profile": False,
    }
    return row, {"Company": row["company"], "Phone": row["phone"], "Share my profile": "false"}


def _agilenow(n: int, identifiers: Row, _: str) -> tuple[Row, Row]:
    row = {
        "employee_number": identifiers["ExternalId"],
        "first_name": f"Ann{n}",
        "last_name": "Åberg",
        "phone": f"+35840{n:07d}",
        "language": "fi-FI",
        "notify": "false",
    }
    fields = {"FirstName": f"Ann{n}", "LastName": "Åberg", "Phone": row["phone"], "LanguageId": "fi-FI"}
    return row, {**fields, "NotifyByEmail": False}


def _lightfield(n: int, _: Row, key: str) -> tuple[Row, Row]:
    row = {"account_id": key, "name": f"Company {n}", "websites": [f"https://c{n}.example.com"]}
    return row, {"$name": row["name"], "$website": row["websites"]}


def _ocamba(n: int, _: Row, key: str) -> tuple[Row, Row]:
    row = {
        "profile_id": key,
        "email": f"ann{n}@example.com",
        "name": f"Ann Åberg {n}",
        "phone": f"+35840{n:07d}",
        "properties": {"visits": str(n)},
    }
    fields = {"email": row["email"], "full_name": row["name"], "mobile_phone_number": row["phone"]}
    return row, {**fields, "custom_properties": row["properties"]}


_MAKERS = {
    "sonoran": _sonoran,
    "communifire": _communifire,
    "agilenow": _agilenow,
    "lightfield": _lightfield,
    "ocamba": _ocamba,
}
_KEYS = {
    "sonoran": "username",
    "communifire": "email",
    "agilenow": "employee_number",
    "lightfield": "account_id",
    "ocamba": "profile_id",
}
_NOBODY = {
    "sonoran": "nobody",
    "communifire": "nobody@example.com",
    "agilenow": "nobody",
    "lightfield": "acc_nobody",
    "ocamba": "17000000000000000000",
}
_INVALID: Mapping[str, Row] = {
    "sonoran": {"full_name": "", "city": ""},  # nothing to send
    "communifire": {"company": ["a", "list"]},
    "agilenow": {"language": "tlh-001"},
    "lightfield": {"account_id": None},
    "ocamba": {"phone": ["a", "list"]},
}


def _bad_rows(vendor: str, good: Row) -> list[Row]:
    return [{**good, _KEYS[vendor]: _NOBODY[vendor]}, {**good, **_INVALID[vendor]}]


def _csv(path: Path, rows: Sequence[Row]) -> Path:
    path = path.with_name(path.name + ".csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        _table(file, rows)
    return path


def _csv_gz(path: Path, rows: Sequence[Row]) -> Path:
    path = path.with_name(path.name + ".csv.gz")
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        _table(file, rows)
    return path


def _table(file: Any, rows: Sequence[Row]) -> None:
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)


def _jsonl(path: Path, rows: Sequence[Row]) -> Path:
    path = path.with_name(path.name + ".jsonl")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def _parquet(path: Path, rows: Sequence[Row]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = path.with_name(path.name + ".parquet")
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


_WRITERS = {
    "sonoran": _csv,
    "communifire": _jsonl,
    "agilenow": _csv_gz,
    "lightfield": _parquet,
    "ocamba": _jsonl,
}
