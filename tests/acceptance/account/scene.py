"""A push of a hundred changes with everything that it can write, and what must be true of its account."""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standins import Ocamba

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

CANARY = "canary-of-a-profile"


class QuickHook(OcambaHook):
    """Gives up soon, and says often how far it is."""

    retry_rule = RetryRule(attempts=2, first_wait=0.001)
    tell_seconds = 0.02


@dataclass
class Ended:
    """How a push ended."""

    report: Report | None
    error: BaseException | None
    rejects: list[dict[str, Any]] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Everything that the error shows."""
        return "".join(traceback.format_exception(self.error)) if self.error else ""


@dataclass
class Scene:
    """A stand-in that holds so many profiles, and a folder for what a push writes."""

    vendor: Ocamba
    folder: Path
    setenv: Callable[[str, str], None]
    number: int = 30

    def connect(self, **extra: Any) -> None:
        """Set the connections: the vendor's, and an SQLite ledger."""
        self.vendor.profiles.update({str(n): {"comment": ""} for n in range(self.number)})
        vendor = {"conn_type": "ocamba", "host": "http://127.0.0.1", "port": self.vendor.port}
        vendor |= {"password": self.vendor.secret, "extra": {"quota": "none", "concurrency": 2, **extra}}
        self.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(vendor))
        ledger = {"conn_type": "sqlite", "host": str(self.folder / "ledger.db")}
        self.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))

    @property
    def changes(self) -> list[dict[str, Any]]:
        """A change of each profile, one of a stranger, and one without fields."""
        good = [{"key": str(n), "fields": {"comment": f"{CANARY} {n}"}} for n in range(self.number)]
        good[3]["fields"] = {}
        good[5]["key"] = "nobody"
        return good

    def push(self, changes: Iterable[Any] | str | None = None, **options: Any) -> Ended:
        """Push with rejects, keys and (unless it is None) a ledger."""
        options = {"ledger_conn_id": "ledger", **options}
        paths = {
            "rejects_path": self.folder / "rejects.jsonl",
            "delivered_path": self.folder / "delivered.txt",
        }
        for path in paths.values():
            path.unlink(missing_ok=True)
        ended = Ended(None, None)
        try:
            ended.report = QuickHook().push(
                self.changes if changes is None else changes, **{**paths, **options}
            )
        except BaseException as error:  # noqa: BLE001 -- what leaves a push is what is looked at
            ended.error, ended.report = error, getattr(error, "report", None)
        ended.rejects, ended.delivered = self.written()
        return ended

    def written(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Read the two files."""
        rejects, delivered = self.folder / "rejects.jsonl", self.folder / "delivered.txt"
        lines = rejects.read_text().splitlines() if rejects.exists() else []
        return [
            json.loads(line) for line in lines
        ], delivered.read_text().split() if delivered.exists() else []


def assert_whole(
    ended: Ended, received: int | None = None, *, files: bool = True, complete: bool | None = None
) -> Report:
    """The report is there and adds up; what was not delivered is in the rejects, what was is in the keys.

    It is complete where nothing stopped the push, unless `complete` says what it is.
    """
    report = ended.report
    assert report is not None, ended.said
    counts = {verdict: getattr(report, verdict) for verdict in Verdict}
    assert sum(counts.values()) == report.received, (report, ended.said)
    assert received is None or report.received == received, (report, ended.said)
    assert report.complete is (ended.error is None if complete is None else complete)
    assert (
        ended.error is None or isinstance(ended.error, ProfileError) or not isinstance(ended.error, Exception)
    )
    assert CANARY not in ended.said
    assert CANARY not in repr(ended.error and (ended.error.args, ended.error.__context__))
    if files:
        owed = Counter(line["verdict"] for line in ended.rejects)
        assert owed == {verdict: n for verdict, n in counts.items() if verdict.undelivered and n}, ended.said
        assert len({line["position"] for line in ended.rejects}) == len(ended.rejects)
        assert len(ended.delivered) == report.acknowledged + report.unchanged
    return report
