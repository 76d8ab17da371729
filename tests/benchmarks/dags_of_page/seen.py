"""Pushes for the page *Profiles* to show; nothing runs them."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

with DAG("seen", schedule=None):
    OcambaPushProfilesOperator(task_id="push", records="people.jsonl", ledger_conn_id="ledger")
    OcambaPushProfilesOperator(
        task_id="push_events",
        records=from_events(table="profile_outbox"),
        sql_conn_id="app",
        ledger_conn_id="ledger",
    )
