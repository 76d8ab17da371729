"""Pushes of what a function gives: with another task's output, mapped, and one that fails in mid-stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airflow.sdk import DAG, AssetAlias, Variable, task

WRITTEN = [{"key": "1", "fields": {"comment": "canary-written"}}]

with DAG(
    "function_pushes", schedule=None, default_args={"ledger_conn_id": "profile_ledger", "sql": "select 1"}
):

    @task
    def changes() -> Any:
        """Read the changes that the test has left."""
        return json.loads(Variable.get("changes"))

    @task.push_profiles("ocamba", outlets=[AssetAlias("functions")])
    def push(rows: list[dict[str, Any]], *, limit: int, ti: Any = None) -> Iterator[dict[str, Any]]:
        """Yield some of another task's rows."""
        assert ti.task_id == "push"
        yield from rows[:limit]

    @task.push_profiles("ocamba", max_failed=1)
    def push_share(rows: list[dict[str, Any]], share: int) -> list[dict[str, Any]]:
        """Return every other row; the second share is that of somebody unknown, too."""
        return rows[share::2] + [dict(row, key="99") for row in WRITTEN[:share]]

    @task.push_profiles("ocamba", trigger_rule="all_done")
    def push_broken(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Raise after the second row."""
        yield from rows[:2]
        raise RuntimeError(rows[2]["fields"]["comment"])

    @task.push_profiles("ocamba", if_empty="ok")
    def push_written(rows: list[dict[str, Any]]) -> None:
        """Take records that stand in the DAG's file, and push nothing."""
        assert rows == WRITTEN

    found = changes()
    shares = push_share.partial(rows=found).expand(share=[0, 1])
    push(found, limit=3) >> shares >> push_broken(found)
    push_written(WRITTEN)
