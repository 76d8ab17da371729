"""Many pushes in numbers: the last one to each target, verdicts by the hour, and reasons by how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_profile_provider.records import Verdict

MOST_PUSHES = 2000
"""Numbers are made of so many pushes at most, the newest: each of their reports is read for them."""
MOST_REASONS = 100
_AUDITS = frozenset({"audit", "repair"})


def verdicts_of(report: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the verdicts of a report that some record had."""
    counts = {str(verdict): (report or {}).get(str(verdict)) for verdict in Verdict}
    return {name: count for name, count in counts.items() if isinstance(count, int) and count}


def summed(pushes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a card for each target, and the verdicts of each hour; pushes come newest first."""
    cards: dict[tuple[str, str | None], dict[str, Any]] = {}
    hours: dict[str, Counter[str]] = {}
    for push in pushes:
        name = push["vendor"], push["conn_id"]
        counts = verdicts_of(push["report"])
        if name not in cards:
            cards[name] = _card(push)
        _add(cards[name], push, counts)
        if push["action"] == "push" or counts.keys() - {str(Verdict.PLANNED)}:
            hours.setdefault(_hour(push["start"]), Counter()).update(counts)
    return {
        "targets": list(cards.values()),
        "hours": [{"at": at, "verdicts": dict(counts)} for at, counts in sorted(hours.items())],
    }


def _card(push: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "vendor": push["vendor"],
        "vendor_name": push["vendor_name"],
        "conn_id": push["conn_id"],
        "last": push,
        "pushes": 0,
        "red": 0,
        "verdicts": {},
        "waited_seconds": 0.0,
        "throttled": 0,
        "last_throttled": None,
        "last_audit": None,
        "ledger_conn_ids": [],
        "outbox_conn_ids": [],
    }


def _add(card: dict[str, Any], push: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    report = push["report"] or {}
    card["pushes"] += 1
    card["red"] += push["state"] == "failed"
    card["verdicts"] = dict(Counter(card["verdicts"]) + Counter(counts))
    card["waited_seconds"] = round(card["waited_seconds"] + _number(report.get("throttled_seconds")), 3)
    throttled = int(_number(report.get("throttled")))
    card["throttled"] += throttled
    if throttled and card["last_throttled"] is None:
        card["last_throttled"] = push["start"]
    if push["action"] in _AUDITS and report and card["last_audit"] is None:
        card["last_audit"] = push
    for kind in ("ledger", "outbox"):
        conn_id, known = push[f"{kind}_conn_id"], card[f"{kind}_conn_ids"]
        if conn_id and conn_id not in known:
            known.append(conn_id)


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _hour(start: str) -> str:
    at = datetime.fromisoformat(start).astimezone(UTC)
    return at.replace(minute=0, second=0, microsecond=0).isoformat()


def reasons_of(pushes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return why records were not delivered, most frequent first, each with the last pushes that had it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for push in pushes:
        for reason in _reasons(push["report"]):
            name = push["vendor"], reason["verdict"], reason["reason"]
            entry = found.setdefault(
                name,
                {
                    "vendor": push["vendor"],
                    "vendor_name": push["vendor_name"],
                    "verdict": reason["verdict"],
                    "reason": reason["reason"],
                    "count": 0,
                    "pushes": [],
                    "last": push["start"],
                },
            )
            entry["count"] += reason["count"]
            if len(entry["pushes"]) < 5:
                names = ("dag_id", "run_id", "task_id", "map_index", "start", "conn_id", "ledger_conn_id")
                entry["pushes"].append({**{name: push[name] for name in names}, "count": reason["count"]})
    return sorted(found.values(), key=lambda entry: -entry["count"])[:MOST_REASONS]


def _reasons(report: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the reasons that a report names; one written before reports named any has none."""
    told = (report or {}).get("reasons")
    return [
        {"verdict": str(each["verdict"]), "reason": str(each["reason"]), "count": int(_number(each["count"]))}
        for each in (told if isinstance(told, list) else ())
        if isinstance(each, Mapping) and {"verdict", "reason", "count"} <= each.keys()
    ]
