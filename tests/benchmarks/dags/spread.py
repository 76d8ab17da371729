"""Our operator in mapped tasks, each with a share of the file that the run names."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

with DAG("spread", schedule=None):

    @task
    def shares(dag_run: Any = None) -> list[list[int]]:
        """List as many shares as the run asks for."""
        number = int(dag_run.conf["tasks"])
        return [[share, number] for share in range(number)]

    OcambaPushProfilesOperator.partial(
        task_id="push",
        records="{{ dag_run.conf['records'] }}",
        ledger_conn_id="profile_ledger",
        ocamba_conn_id="{{ dag_run.conf['conn_id'] }}",
    ).expand(partition=shares())
