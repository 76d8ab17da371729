"""A push on a row's commit, and a task that does nothing, on the commit of a row of another table."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.triggers import ProfileChangesTrigger


def watched(table: str) -> Asset:
    trigger = ProfileChangesTrigger("app", table=table, channel=table, again_seconds=3600)
    return Asset(table, uri=f"x-bench://{table}", watchers=[AssetWatcher(name="rows", trigger=trigger)])


with DAG("push_on_commit", schedule=[watched("profile_outbox")], max_active_runs=1):
    OcambaPushProfilesOperator(task_id="push", records=from_events(), sql_conn_id="app", retries=0)

with DAG("nothing_on_commit", schedule=[watched("other_outbox")], max_active_runs=1):

    @task
    def nothing() -> None:
        """Cost what any task costs."""

    nothing()
