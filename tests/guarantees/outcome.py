"""What a push left behind, and whether report, files and vendor tell the same story."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

from .rig import Rig


@dataclass(frozen=True)
class Outcome:
    """A finished push: its report, why it stopped if it did, and its files as far as they were asked for."""

    report: Report
    stopped: PushStopped | None
    rejects: list[dict[str, Any]] | None
    delivered: list[str] | None

    @property
    def verdicts(self) -> Mapping[int, str]:
        """Position to verdict, of what was not delivered."""
        return {line["position"]: line["verdict"] for line in self.rejects or []}

    def counts(self) -> dict[str, int]:
        """The verdicts that are not zero."""
        return {
            verdict.value: getattr(self.report, verdict)
            for verdict in Verdict
            if getattr(self.report, verdict)
        }


def push(rig: Rig, changes: Iterable[Any], folder: Path, *, rejects: bool = True, **options: Any) -> Outcome:
    """Push, with both files in folder, and take a push that stopped as well."""
    undelivered, acknowledged = folder / "rejects.jsonl", folder / "delivered.jsonl"
    for path in (undelivered, acknowledged):
        path.unlink(missing_ok=True)
    if rejects:
        options["rejects_path"] = undelivered
    stopped: PushStopped | None = None
    try:
        report = rig.hook.push(changes, delivered_path=acknowledged, **options)
    except PushStopped as error:
        assert error.report is not None, "a push that stopped says how far it came"
        stopped, report = error, error.report
    return Outcome(
        report,
        stopped,
        _lines(undelivered) if rejects else None,
        [str(line["key"]) for line in _lines(acknowledged)],
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def assert_adds_up(outcome: Outcome, received: int) -> None:
    """The verdicts add up to what was received, and the report knows whether the push ended early."""
    report = outcome.report
    assert report.received == received == sum(outcome.counts().values())
    assert report.complete is (outcome.stopped is None)


def assert_files_agree(outcome: Outcome, changes: Sequence[Any]) -> None:
    """The rejects hold each undelivered change once and as it was, the other file each acknowledged key."""
    if outcome.rejects is not None:
        positions = [line["position"] for line in outcome.rejects]
        assert len(set(positions)) == len(positions) == outcome.report.undelivered
        owed = Counter(line["verdict"] for line in outcome.rejects)
        assert owed == {name: n for name, n in outcome.counts().items() if Verdict(name).undelivered}
        for line in outcome.rejects:
            if line["verdict"] != Verdict.INVALID:
                change = changes[line["position"] - 1]
                assert (line["key"], line["fields"].keys()) == (change["key"], change["fields"].keys())
        done = {
            change["key"] for position, change in enumerate(changes, 1) if position not in outcome.verdicts
        }
        assert set(outcome.delivered or ()) == done
    assert len(outcome.delivered or ()) == outcome.report.acknowledged


def assert_vendor_agrees(
    outcome: Outcome,
    changes: Sequence[Any],
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Each profile holds its last acknowledged value, or one sent later that nobody can vouch for.

    A change that failed, or was refused when it was sent again, may have been applied the first time.
    """
    possible = {key: [value] for key, value in before.items()}
    for position, change in enumerate(changes, 1):
        verdict = outcome.verdicts.get(position)
        if verdict is None:
            possible[change["key"]] = [change["fields"][name]]
        elif verdict in {Verdict.FAILED, Verdict.REJECTED} and change["key"] in possible:
            possible[change["key"]].append(change["fields"][name])
    assert after.keys() == possible.keys()
    assert [key for key, value in after.items() if value not in possible[key]] == []
