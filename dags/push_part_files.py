"""Push the part files that Spark, dbt or a warehouse wrote: a folder of Parquet files is one source.

The files are read one after the other, in the order of their names. ``_SUCCESS`` and hidden files are left
out, and a folder that is still being written is refused. The ledger makes that only what changed is sent,
however many files the folder has. The folder may be on object storage: ``s3://aws_default@bucket/people/``.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START push_part_files]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_part_files",
    description="A folder of Parquet files to Ocamba Hood",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_part_files",
        records=FOLDER + "/people/",
        key="profile_id",
        fields={"email": "email", "full_name": "name"},
        ledger_conn_id="profile_ledger",
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/",  # a line names the file and the place in it
    )
# [END push_part_files]
