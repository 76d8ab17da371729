"""Push last night's changes to the accounts (companies) of a Lightfield workspace."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator

# [START push_lightfield]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_lightfield",
    description="Last night's changes, from a Parquet file to Lightfield",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "lightfield"],
):
    LightfieldPushProfilesOperator(
        task_id="push_lightfield",
        records=FOLDER + "/lightfield-{{ dag_run.run_after | ds }}.parquet",
        key="account_id",
        fields={  # keys of the workspace's fields; its own start with a dollar sign
            "$name": "name",
            "$website": "websites",  # a list of addresses
        },
        relationships={"$owner": {"replace": "owner_id"}},  # the owner becomes the member of this column
        nulls="clear",  # null clears the field, and a null owner_id leaves the account without an owner
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/lightfield.jsonl",
    )
# [END push_lightfield]
