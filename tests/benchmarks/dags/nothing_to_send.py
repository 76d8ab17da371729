"""Our operator over a table of which the ledger knows every row already."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

with DAG("nothing_to_send", schedule=None):
    OcambaPushProfilesOperator(
        task_id="push",
        sql="select id, email, full_name from people",
        sql_conn_id="source",
        key="id",
        fields=["email", "full_name"],
        ledger_conn_id="ledger",
        quota="none",
    )
