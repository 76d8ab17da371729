"""Push last night's changes to the users of an Axero Communifire site."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator

# [START push_communifire]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_communifire",
    description="Last night's changes, from a JSON-lines file to Communifire",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "communifire"],
):
    CommunifirePushProfilesOperator(
        task_id="push_communifire",
        records=FOLDER + "/communifire-{{ dag_run.run_after | ds }}.jsonl",
        key="email",
        key_type="Email",  # or UserID, Username
        fields={  # labels as the site shows them, upper and lower case included <- columns
            "Company": "company",
            "Phone": "phone",
            "Share my profile": "shares_profile",
        },
        mode="update",  # "upsert" also creates missing users: a mistyped address becomes a new user
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/communifire.jsonl",
    )
# [END push_communifire]
