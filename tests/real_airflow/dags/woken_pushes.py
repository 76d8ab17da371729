"""Pushes of files that a test names or a partition chooses, and a DAG that a partition's push wakes."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetAlias, CronPartitionTimetable, PartitionedAssetTimetable, task

from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

FOLDER = "{{ var.value.profiles_folder }}"
PARTITION = Asset("pushed_partition", uri="ocamba://partitions.example.com/profiles")

with DAG("push_named_file", schedule=None, max_active_runs=1):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=FOLDER + "/{{ dag_run.conf.file }}",
        ledger_conn_id="profile_ledger",
        rejects_path=FOLDER + "/rejects/",
        outlets=[AssetAlias("ocamba_changed")],
    )
    CommunifirePushProfilesOperator(task_id="push_communifire", records=[], trigger_rule="all_done")

with DAG(
    "push_partition",
    schedule=CronPartitionTimetable("0 5 1 1 *", timezone="UTC", key_format="%Y-%m-%d"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
):
    OcambaPushProfilesOperator(
        task_id="push", records=FOLDER + "/partition-{{ dag_run.partition_key }}.jsonl", outlets=[PARTITION]
    )

with DAG("after_partition", schedule=PartitionedAssetTimetable(assets=PARTITION)):

    @task
    def which(dag_run: object = None) -> str:
        """Return the partition that this run is for."""
        return str(dag_run.partition_key)  # type: ignore[attr-defined]

    which()
