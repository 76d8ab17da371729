"""Push last night's changes to the accounts of an Agile.Now server."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator

# [START push_agilenow]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_agilenow",
    description="Last night's changes, from a gzipped CSV file to Agile.Now",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "agilenow"],
):
    AgileNowPushProfilesOperator(
        task_id="push_agilenow",
        records=FOLDER + "/agilenow-{{ dag_run.run_after | ds }}.csv.gz",
        key="employee_number",
        key_type="ExternalId",  # or Id, Username
        fields={
            "FirstName": "first_name",
            "LastName": "last_name",
            "Phone": "phone",
            "LanguageId": "language",  # checked against the documented languages before it is sent
            "NotifyByEmail": "notify",  # a CSV cell is read as the boolean that the field is
        },
        nulls="skip",
        write="merge",  # reads the account first, so that the server resets no other field; "put" does not
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/agilenow.jsonl",
    )
# [END push_agilenow]
