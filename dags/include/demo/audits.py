"""The fourth night: hands edit profiles at the vendors, audits find them, and a repair puts them right."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from include.demo.check import FIELDS, IDS, KEYS, Profiles, Source
from include.demo.source import CHAIN, FAULTS, VENDORS, Row

from airflow_profile_provider.sandbox import Sandbox

EDITED = 7
_COLUMNS = (
    "received",
    "verified",
    "drifted",
    "missing",
    "rejected",
    "invalid",
    "pushed",
    "requests",
    "seconds",
)
BY_HAND = "edited by hand"

Run = Callable[[str], Mapping[str, dict[str, Any]]]
"""Runs an audit or a repair of all vendors, and returns the reports."""


class AuditNight:
    """Edits, audits and repairs; says what does not agree. ``folder`` is the one of all nights."""

    def __init__(self, sandbox: Sandbox, source: Source, folder: Path, run: Run) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._run = run
        self._edited = {vendor: edited_of(vendor, source) for vendor in VENDORS}
        self._before: dict[str, Profiles] = {}

    def edit(self) -> None:
        """Let hands edit profiles at each vendor."""
        self._before = {vendor: self._sandbox.profiles(vendor) for vendor in VENDORS}
        for vendor, rows in self._edited.items():
            field = "comment" if vendor == "ocamba" else next(iter(FIELDS[vendor]))
            self._sandbox.edit(vendor, {str(row[KEYS[vendor]]): {field: BY_HAND} for row in rows})

    def look(self, action: str, *, drifted: int, pushed: int = 0) -> list[str]:
        """Run an audit or a repair, print what it reports, and return what does not agree."""
        for vendor in VENDORS:
            self._sandbox.forget_requests(vendor)
        reports = self._run(action)
        problems = []
        lines = []
        for vendor in VENDORS:
            report = reports.get(vendor, {})
            found = [f"{vendor}: {problem}" for problem in self._judge(vendor, report, drifted, pushed)]
            problems += found
            fields = sorted({name for line in self._drifted(vendor) for name in line["fields"]})
            lines.append([vendor, *_cells(report), ", ".join(fields) or "-", "NO" if found else "yes"])
        _print_table(lines)
        return problems

    def _judge(self, vendor: str, report: Mapping[str, Any], drifted: int, pushed: int) -> list[str]:
        if not report:
            return ["there is no report"]
        faults = Counter(
            "missing" if verdict == "rejected" and not fault.startswith("twice") else verdict
            for fault, (stopped_at, verdict, _) in FAULTS.items()
            if stopped_at == vendor
        )
        wanted = {
            "drifted": drifted,
            "pushed": pushed,
            "missing": faults["missing"],  # no profile matches
            "rejected": faults["rejected"],  # several do
            "invalid": faults["invalid"],
            "failed": 0,
        }
        wanted["verified"] = report["received"] - sum(wanted.values())
        found = [
            f"{report[name]} {name}, not {number}"
            for name, number in wanted.items()
            if report[name] != number
        ]
        writes = self._sandbox.requests(vendor, last=0)["writes"]
        found += [f"the vendor has carried out {writes} changes, not {pushed}"] if writes != pushed else []
        named = {line["key"] for line in self._drifted(vendor)}
        own = IDS["people" if vendor in CHAIN else "companies"]
        if (drifted or pushed) and named != {str(row[own]) for row in self._edited[vendor]}:
            found.append("the audit does not name those that were edited")
        if not drifted and self._sandbox.profiles(vendor) != self._before[vendor]:
            found.append("the vendor does not hold what it held before the hands came")
        return found

    def _drifted(self, vendor: str) -> list[dict[str, Any]]:
        """The lines of a vendor's last audit about profiles that differ."""
        file = max(self._folder.glob(f"*/audits/{vendor}.jsonl"), default=None)
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
        return [line for line in map(json.loads, lines) if line["verdict"] == "drifted"]


def edited_of(vendor: str, source: Source) -> list[Row]:
    """Choose good rows, whose profiles hands are to edit at a vendor."""
    rows = [row for row in source["people" if vendor in CHAIN else "companies"] if not row["fault"]]
    return rows[40 : 40 + EDITED * 3 : 3]


def _cells(report: Mapping[str, Any]) -> list[str]:
    if not report:
        return ["-"] * len(_COLUMNS)
    return [f"{report[name]:.1f}" if name == "seconds" else str(report[name]) for name in _COLUMNS]


def _print_table(lines: list[list[str]]) -> None:
    rows = [["vendor", *_COLUMNS, "fields that differ", "agrees"], *lines]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    print()
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    print()
