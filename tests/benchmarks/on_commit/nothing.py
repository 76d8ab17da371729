"""Tasks that do nothing, on a row's commit: one, and five in a row. They cost what any task costs."""

from __future__ import annotations

from airflow.sdk import DAG, chain, task
from benchmarks.watched import watched


@task
def nothing() -> None:
    """Do nothing."""


with DAG("nothing_on_commit", schedule=[watched("other_outbox")], max_active_runs=1):
    nothing()

with DAG("five_on_commit", schedule=[watched("five_outbox")], max_active_runs=1):
    chain(*(nothing.override(task_id=f"nothing_{place}")() for place in range(1, 6)))
