"""Push a file of changes as soon as another DAG, or a call of the REST API, announces it.

The event of the asset names the file: ``{"records": "/var/lib/profiles/ocamba.jsonl"}``, or a list of files.
The lines of the file are changes: ``{"key": "17430755068736100383", "fields": {"full_name": "Ada"}}``. They
go neither through the event nor through XCom. If several events come together, their files are pushed one
after the other, so that the later one wins. If an event comes at the very moment at which Airflow creates a
run, Airflow may deliver it only together with the next event.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START on_new_file]
profile_changes = Asset("profile_changes", uri="x-profiles://changes")

with DAG(
    "on_new_file",
    description="Files of changes to Ocamba Hood, as soon as they are announced",
    doc_md=__doc__,
    schedule=[profile_changes],
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(),
        max_failed=10,  # a count: 1 % of a small file is none
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
    )
# [END on_new_file]
