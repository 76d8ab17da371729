"""Pushes as the page shows them: each task instance with its target, its report, and its reasons."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.page.pushes import (
    RESULT,
    Instance,
    Wanted,
    instances,
    is_report,
    left,
    progress,
    rendered,
)
from airflow_profile_provider.page.tasks import PushTask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

REPLAY = "replay_rejects"
"""The example DAG that pushes rejects again, from a form."""
_NAMES: dict[str, str] = {
    entry["connection-type"]: entry["hook-name"] for entry in get_provider_info()["connection-types"]
}
_EXPLAINED = ("records", "sql", "sql_conn_id", "key", "fields", "key_type", "version")
"""Arguments of a push that stand beside them, as they were rendered."""
_UNDER_WAY = frozenset({"running", "deferred", "queued", "scheduled", "restarting", "up_for_retry"})


def vendor_name(vendor: str) -> str:
    """Return the vendor's own name; that of its module where it is not one of ours."""
    return _NAMES.get(vendor, vendor)


def told(session: Session, tasks: Iterable[PushTask], found: Sequence[Instance]) -> list[dict[str, Any]]:
    """Return pushes as the page shows them in lists."""
    by_name = {(task.dag_id, task.task_id): task for task in tasks}
    reports = left(session, found, RESULT)
    pushes = [(instance, by_name[instance.dag_id, instance.task_id]) for instance in found]
    open_ones = [instance for instance, task in pushes if _needs_rendering(task)]
    arguments = rendered(session, open_ones)
    return [
        _told(instance, task, arguments.get(instance.name, {}), reports.get(instance.name, {}).get(RESULT))
        for instance, task in pushes
    ]


def _needs_rendering(task: PushTask) -> bool:
    return task.argument not in task.given


def _told(instance: Instance, task: PushTask, arguments: Mapping[str, Any], report: Any) -> dict[str, Any]:
    def argument(name: str) -> str | None:
        value = task.given.get(name) or arguments.get(name)
        return value if isinstance(value, str) and value else None

    return {
        "dag_id": instance.dag_id,
        "run_id": instance.run_id,
        "task_id": instance.task_id,
        "map_index": instance.map_index,
        "try_number": instance.try_number,
        "state": instance.state,
        "start": instance.start.isoformat(),
        "end": instance.end.isoformat() if instance.end else None,
        "vendor": task.vendor,
        "vendor_name": vendor_name(task.vendor),
        "conn_id": argument(task.argument),
        "ledger_conn_id": argument("ledger_conn_id"),
        "outbox_conn_id": argument("sql_conn_id") if task.outbox else None,
        "action": argument("action") or "push",
        "nulls": argument("nulls"),
        "report": dict(report) if is_report(report) else None,
    }


def one(session: Session, task: PushTask, run_id: str, map_index: int) -> dict[str, Any] | None:
    """Return one push with all that is known of it, or None where it never started."""
    wanted = Wanted(run_id=run_id, map_index=map_index, limit=1)
    found = instances(session, [task], wanted)
    if not found:
        return None
    (instance,) = found
    values = left(session, found, RESULT, "plan", "plan_summary").get(instance.name, {})
    arguments = rendered(session, found).get(instance.name, {})
    push = _told(instance, task, arguments, values.get(RESULT))
    push["plan"] = _text(values.get("plan"))
    push["plan_summary"] = _text(values.get("plan_summary"))
    push["progress"] = progress(session, instance) if _is_under_way(instance) else {}
    push["explain"] = shlex.join(_explained(push, arguments))
    return push


def _explained(push: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """Return the options with which `airflow profiles explain` judges a key as a push did."""
    given = {
        "--conn-id": push["conn_id"],
        "--ledger-conn-id": push["ledger_conn_id"],
        "--nulls": push["nulls"],
        **{f"--{name.replace('_', '-')}": arguments.get(name) for name in _EXPLAINED},
    }
    words: list[str] = []
    for option, value in given.items():
        if isinstance(value, Mapping | list):
            words += [option, json.dumps(value)]
        elif isinstance(value, str) and value and not value.startswith("<"):
            words += [option, value]
    return words


def _is_under_way(instance: Instance) -> bool:
    return instance.state in _UNDER_WAY


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def replay_of(push: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how the form of `replay_rejects` is filled for a push; None where there is nothing to replay."""
    rejects = (push["report"] or {}).get("rejects")
    if not rejects or not push["conn_id"]:
        return None
    more = {name: push[name] for name in ("ledger_conn_id", "nulls") if push[name]}
    return {"dag_id": REPLAY, "conf": {"conn_id": push["conn_id"], "rejects": rejects, **more}}
