"""Our operator, in one task; the run says which file it pushes."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

with DAG("one_push", schedule=None):
    OcambaPushProfilesOperator(
        task_id="push",
        records="{{ dag_run.conf['records'] }}",
        concurrency=16,
        quota="none",
        rejects_path="{{ dag_run.conf['records'] }}.rejects/",
    )
