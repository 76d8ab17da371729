"""A push on a row's commit."""

from __future__ import annotations

from airflow.sdk import DAG
from benchmarks.watched import watched

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

with DAG("push_on_commit", schedule=[watched("profile_outbox")], max_active_runs=1):
    OcambaPushProfilesOperator(task_id="push", records=from_events(), sql_conn_id="profiles_app", retries=0)
