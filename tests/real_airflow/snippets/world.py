"""The world that the docs speak of: vendors, files in /data, tables, connections.

A page that names another file or table needs it here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from airflow_profile_provider.sandbox import Sandbox

Rows = list[dict[str, Any]]

ADA = "17430755068736100383"
"""The profile at Ocamba that the docs speak of."""
ACCOUNT = "3ad64ab3-0000-46c5-b1d7-000000000001"
"""The profile at Agile.Now that the docs speak of."""

TABLES = """
drop schema if exists marts cascade; drop schema public cascade; create schema public; create schema marts;
create table marts.people (
    person_id text, ocamba_id text, sonoran_id text, communifire_id text, email text, full_name text,
    company text, comment text, site text, number text, updated_at timestamptz
);
create table marts.crosswalk (sonoran_id text, ocamba_id text);
"""


class World:
    """Everything but Airflow itself, as it is before a page's first snippet."""

    def __init__(self, folder: Path, sandbox: Sandbox, database: Mapping[str, Any]) -> None:
        self.folder, self.sandbox, self._database = folder, sandbox, database
        self.dags = folder / "dags"
        self.dags.mkdir()
        self.people = self._people()
        self._load_vendors()
        self._write_files()
        self._fill_tables()

    def _people(self) -> Rows:
        """Ten people, whom each system knows by its own key."""
        emails = [profile["email"] for profile in self.sandbox.profiles("ocamba").values()]
        keys = {vendor: list(self.sandbox.keys(vendor)) for vendor in ("ocamba", "sonoran", "communifire")}
        return [
            {
                "person_id": f"p-{n}",
                "ocamba_id": ADA if n == 0 else keys["ocamba"][n],
                "sonoran_id": keys["sonoran"][n],
                "communifire_id": keys["communifire"][n],
                "email": emails[n],
                "full_name": f"Person {n}",
                "company": f"Company {n}",
                "comment": f"Comment {n}",
                "site": "north",
                "number": str(n),
                "updated_at": datetime(2026, 11, 1 + n, tzinfo=UTC),
            }
            for n in range(10)
        ]

    def _load_vendors(self) -> None:
        """Give one profile of a vendor the key that the docs speak of."""
        for vendor, key in (("ocamba", ADA), ("agilenow", ACCOUNT)):
            first, *others = self.sandbox.profiles(vendor).items()
            self.sandbox.load(vendor, {key: first[1], **dict(others)})

    def _write_files(self) -> None:
        data, today = self.folder / "data", f"{datetime.now(UTC):%Y-%m-%d}"
        rows = [{"name": row["full_name"], **row} for row in self.people]
        write_csv(data / "profiles" / f"{today}.csv", rows)
        write_csv(data / "people.csv", rows)
        write_csv(data / "crosswalk.csv", rows)
        owners = self.sandbox.relationships("lightfield")
        accounts = [
            {
                "account_id": key,
                "name": f"Company {n}",
                "website": f"https://{n}.example.com",
                "owner_id": owners[key]["$owner"][0],
            }
            for n, key in enumerate(list(self.sandbox.keys("lightfield"))[:10])
            if owners.get(key, {}).get("$owner")
        ]
        write_csv(data / "accounts" / f"{today}.csv.gz", accounts)
        at_agilenow = list(self.sandbox.keys("agilenow"))[:10]
        phones = [
            {"id": key, "Email": f"{n}@example.com", "Phone": f"+35840{n}", "Is_Active": True}
            for n, key in enumerate(at_agilenow)
        ]
        write_parquet(data / "accounts.parquet", phones)
        write_parquet(data / "people.parquet", self.people)
        write_parquet(self.folder / "people.parquet", self.people)
        write_parquet(self.folder / "marts" / "profiles" / f"{today}.parquet", self.people)

        changes = [{"key": row["ocamba_id"], "fields": {"comment": row["comment"]}} for row in self.people]
        write_lines(data / "people.jsonl", changes)
        reject = {"key": ADA, "key_type": "id", "fields": {"comment": "Comment 0"}, "version": None}
        reject |= {"verdict": "failed", "reason": "Ocamba Hood did not answer", "position": 1}
        write_lines(data / "rejects" / "ocamba.jsonl", [reject])

    def _fill_tables(self) -> None:
        with self.connect() as connection:
            connection.execute(TABLES)
            connection.execute(
                "do $$ begin create role airflow; exception when duplicate_object then null; end $$"
            )
            connection.execute("alter role current_user set search_path = public, marts")
            for table in ("people", "crosswalk"):
                self._fill(connection, table)

    def _fill(self, connection: psycopg.Connection[Any], table: str) -> None:
        asked = "select column_name from information_schema.columns where table_name = %s"
        columns = [name for (name,) in connection.execute(asked, [table])]
        rows = [[row[column] for column in columns] for row in self.people]
        places = ", ".join(["%s"] * len(columns))
        inserted = f"insert into marts.{table} ({', '.join(columns)}) values ({places})"
        connection.cursor().executemany(inserted, rows)

    def connect(self) -> psycopg.Connection[Any]:
        """Connect to the database, which is warehouse, ledger and the application's own in one."""
        given = self._database
        return psycopg.connect(
            host=given["host"],
            port=given["port"],
            user=given["login"],
            password=given["password"],
            dbname=given["schema"],
            autocommit=True,
        )

    def fill_outbox(self) -> None:
        """Let three changes wait in the outbox, once a page has made it."""
        with self.connect() as connection:
            if connection.execute("select to_regclass('profile_outbox')").fetchone() != (None,):
                for row in self.people[:3]:
                    fields = json.dumps({"full_name": row["full_name"], "email": row["email"]})
                    connection.execute(
                        "insert into profile_outbox (key, fields) values (%s, %s)", [row["ocamba_id"], fields]
                    )

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return Airflow's connections; no quota makes anybody wait."""
        vendors = {
            name: {**connection, "extra": {"quota": "none", "concurrency": 4}}
            for name, connection in self.sandbox.connections().items()
        }
        named = ("warehouse", "ledger", "profile_ledger", "profiles_app")
        return vendors | {name: dict(self._database) for name in named}

    def placed(self, code: str) -> str:
        """Return code of the docs with this world's folders in place of those of the docs."""
        for path in ("/data/", "/var/lib/profiles/"):
            code = code.replace(f'"{path}', f'"{self.folder}/data/')
        return code.replace("s3://aws_default@marts/", f"file://{self.folder}/marts/")


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file, compressed where its name says so."""
    rows, text = list(rows), io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_lines(path: Path, rows: Rows) -> None:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_parquet(path: Path, rows: Rows) -> None:
    """Write a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
