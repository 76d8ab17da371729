"""Push last night's changes to the profiles of Ocamba Hood."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START push_ocamba]
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "push_ocamba",
    description="Last night's changes, from a JSON-lines file to Ocamba Hood",
    doc_md=__doc__,
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=FOLDER + "/ocamba-{{ dag_run.run_after | ds }}.jsonl",
        key="profile_id",  # 19 to 20 digits: a string, or an exact integer
        fields={
            "email": "email",
            "full_name": "name",
            "mobile_phone_number": "phone",
            "custom_properties": "properties",  # an object: {"tier": "gold", "newsletter": "weekly"}
        },
        max_failed=10,  # a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/ocamba.jsonl",
    )
# [END push_ocamba]
