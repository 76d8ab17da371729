"""What an audit found to differ: for its file, for whoever approves a repair, and for the log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.options import Share
from airflow_profile_provider.push.outputs import AuditFile
from airflow_profile_provider.records import Change, Verdict, link_name
from airflow_profile_provider.reports import Report
from airflow_profile_provider.vendors.exchange import to_json

SHOWN = 10


class Findings:
    """The records whose profile is not what it should be.

    ``most`` is how many may differ before a repair sends nothing, ``approved`` the id of the audit that was
    approved. ``values`` puts values into the file. ``makes_missing``: a repair makes profiles, too.
    """

    def __init__(
        self,
        file: AuditFile | None,
        *,
        values: bool,
        most: Share | None,
        approved: str | None,
        makes_missing: bool,
        place_of: Callable[[int], str],
    ) -> None:
        self.number = 0
        self._file = file
        self._values = values
        self._most = most
        self._approved = approved
        self._place_of = place_of
        self._sum = 0
        self._sent = 0
        self._makes_missing = makes_missing
        self._fields: Counter[str] = Counter()
        self._first: list[str] = []

    @property
    def plan_id(self) -> str:
        """Name what a repair would send: how many records, and a hash over them, in whatever order."""
        return f"{self._sent}-{self._sum % 2**256:064x}"

    @property
    def kept(self) -> str:
        """All that is known, for a later try, without a value or a key."""
        return json.dumps([self.number, self._sent, self._sum % 2**256, dict(self._fields), self._first])

    def go_on_from(self, kept: str) -> None:
        """Begin with what an earlier try found."""
        if kept:
            self.number, self._sent, self._sum, fields, self._first = json.loads(kept)
            self._fields = Counter(fields)

    def look_at(self, settled: Settled, fields: Sequence[str]) -> None:
        """Take note of a record whose profile differs, in ``fields``, or is missing.

        Raises:
            OutputFailed: the audit's file cannot be written.
        """
        change, drifted = settled.planned.change, settled.verdict is Verdict.DRIFTED
        held = settled.looked.differing if settled.looked else {}
        self.number += 1
        if drifted or self._makes_missing:
            self._sent += 1
            links = [change.relationships] if change.relationships else []
            named = f"{change.key_type}\0{change.key}\0".encode(errors="surrogatepass")
            self._sum += int.from_bytes(
                sha256(named + to_json([change.fields, sorted(fields), *links])).digest(), "big"
            )
        self._fields.update(fields)
        if len(self._first) < SHOWN:
            what = ", ".join(fields) if drifted else "no such profile"
            self._first.append(f"record {change.position}: {what}")
        if self._file:
            self._file.add(self._line(change, settled.verdict, fields, held))

    def _line(
        self, change: Change, verdict: Verdict, fields: Sequence[str], held: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        line: dict[str, Any] = {"key": change.key, "key_type": change.key_type, "verdict": verdict.value}
        line |= {"fields": list(fields), "position": change.position}
        if place := self._place_of(change.position):
            line["place"] = place
        if self._values:
            asked = {link_name(name): each for name, each in change.relationships.items()} | dict(
                change.fields
            )
            line["values"] = {name: {"source": asked[name], "vendor": held.get(name)} for name in fields}
        return line

    def problem(self, received: int) -> str:
        """Say why a repair may send nothing; nothing where it may."""
        if self._approved is not None and self._approved != self.plan_id:
            before = self._approved.partition("-")[0]
            others = " others" if before == str(self._sent) else ""
            return (
                f"what would be repaired is no longer what was approved: {before} records were, and now it "
                f"is {self._sent}{others}; audit and approve again"
            )
        return drift_problem(self.number, received, self._most, "; nothing was sent")

    def summary(self, report: Report) -> str:
        """Return what was found as Markdown, without a value or a key."""
        lines = [
            f"**{report.differing} of {report.looked_at} records** differ from what the vendor holds.",
            "",
            "| records | |",
            "| --- | ---: |",
        ]
        counts = {verdict: getattr(report, verdict) for verdict in Verdict}
        lines += [f"| {verdict} | {number} |" for verdict, number in counts.items() if number]
        if self._fields:
            lines += ["", "| field | records that differ |", "| --- | ---: |"]
            lines += [f"| `{name}` | {number} |" for name, number in self._fields.most_common(20)]
        if self._first:
            lines += ["", *(f"* {text}" for text in self._first)]
        return "\n".join(lines)


def drift_problem(found: int, received: int, most: Share | None, more: str = "") -> str:
    """Say that more records differ than may; nothing where it is no more."""
    if most is None or found <= most.of(received):
        return ""
    differ = f"{found} of {received} records differ from what the vendor holds"
    return f"{differ}, and max_drifted allows {most}{more}"
