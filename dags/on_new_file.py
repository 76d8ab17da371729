"""Push files of changes as soon as another DAG, or a call of the REST API, says that they are there.

The asset's event names the file: ``{"records": "/var/lib/profiles/ocamba.jsonl"}``, or a list of files.
Its lines are changes: ``{"key": "17430755068736100383", "fields": {"full_name": "Ada Lovelace"}}``; they
travel neither through the event nor through XCom. Several events may have come together: their files are
pushed one after the other, so that a later one wins. An event that comes at the very moment at which a run is
made may be handed over with the next event only (Airflow does that).
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
    description="Files of changes to Ocamba Hood, whenever one is announced",
    doc_md=__doc__,
    schedule=[profile_changes],
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(),
        max_failed="1%",
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
    )
# [END on_new_file]
