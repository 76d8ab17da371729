"""Push last night's changes to the accounts of a Sonoran CMS community."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

# [START push_sonoran]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_sonoran",
    description="Last night's changes, from a CSV file to Sonoran CMS",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "sonoran"],
):
    SonoranPushProfilesOperator(
        task_id="push_sonoran",
        # Every run has run_after. A run without a logical date (manual, by an asset) has no {{ ds }}.
        records=FOLDER + "/sonoran-{{ dag_run.run_after | ds }}.csv",
        key="username",
        key_type="username",  # or accId, apiId, discord, uniqueId
        fields={  # the community's ids of its profile fields <- columns of the file
            "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90": "full_name",
            "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12": "city",
        },
        nulls="skip",  # an empty cell leaves the field alone
        batch_size=20,  # one request a second is allowed; each has up to twenty accounts
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/sonoran.jsonl",
    )
# [END push_sonoran]
