"""One vendor whose profiles are pushed, edited by hand, audited and repaired."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.rig import counts, hook_of, lines
from airflow_profile_provider.sandbox import Sandbox

NUMBER = 100
_NAME = "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"
FIELDS: dict[str, dict[str, str]] = {
    "sonoran": {_NAME: "name"},
    "communifire": {"First name": "name", "Phone": "phone", "Department": "mail"},
    "agilenow": {"FirstName": "name", "Phone": "phone", "Email": "mail"},
    "lightfield": {"$name": "name", "$website": "site"},
    "ocamba": {"full_name": "name", "mobile_phone_number": "phone", "email": "mail"},
}
"""The fields of each vendor that are pushed, and their columns; the first is the one that hands edit."""
EXTRA: dict[str, dict[str, Any]] = {"sonoran": {"batch_size": 20}}


@dataclass
class Scene:
    """A vendor in the sandbox, its connection, and rows for all of its profiles."""

    vendor: str
    sandbox: Sandbox
    folder: Path
    setenv: Callable[[str, str], None]

    def __post_init__(self) -> None:
        self.connect()
        self.ledger = {"conn_type": "sqlite", "host": str(self.folder / "ledger.db")}
        self.setenv("AIRFLOW_CONN_LEDGER", json.dumps(self.ledger))
        self.keys = list(self.sandbox.keys(self.vendor))
        self.rows = [self.row(number, key) for number, key in enumerate(self.keys)]

    def connect(self, **extra: Any) -> None:
        """Set the connection, without a quota."""
        connection = self.sandbox.connections()[f"{self.vendor}_default"]
        given = {"quota": "none", "concurrency": 4, **EXTRA.get(self.vendor, {}), **extra}
        connection["extra"] = {**connection.get("extra", {}), **given}
        self.setenv(f"AIRFLOW_CONN_{self.vendor.upper()}_DEFAULT", json.dumps(connection))

    @staticmethod
    def row(number: int, key: str) -> dict[str, Any]:
        """A row of the source."""
        return {
            "id": key,
            "name": f"Name {number}",
            "mail": f"Person.{number}@Example.com",
            "phone": f"+49 (658) 555-{number:04}",
            "site": [f"https://www.{number}.example.com"],
        }

    @property
    def field(self) -> str:
        """The field that hands edit."""
        return next(iter(FIELDS[self.vendor]))

    def push(self, rows: Any = None, **options: Any) -> dict[str, int]:
        """Push with the ledger, or whatever the action is, and return the counts of verdicts."""
        given = {"key": "id", "fields": FIELDS[self.vendor], "ledger_conn_id": "ledger", **options}
        return counts(self.report(rows, **given))

    def report(self, rows: Any = None, **options: Any) -> Any:
        """Push, and return the report."""
        given = {"key": "id", "fields": FIELDS[self.vendor], **options}
        return hook_of(self.vendor)().push(self.rows if rows is None else rows, **given)

    def audit(self, rows: Any = None, **options: Any) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """Audit, and return the counts and what is in the audit's file."""
        path = self.folder / "audit.jsonl"
        return self.push(rows, action="audit", audit_path=str(path), **options), lines(path)

    def edit(self, *numbers: int) -> None:
        """Edit profiles by hand."""
        self.sandbox.edit(self.vendor, {self.keys[n]: {self.field: f"By hand {n}"} for n in numbers})

    def writes(self) -> int:
        """How many requests have written, since this was asked last."""
        found = self.sandbox.requests(self.vendor)["writes"]
        self.sandbox.forget_requests(self.vendor)
        return int(found)

    def requests(self) -> int:
        """How many requests there were, since this was asked last."""
        found = self.sandbox.requests(self.vendor)["total"]
        self.sandbox.forget_requests(self.vendor)
        return int(found)
