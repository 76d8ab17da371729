"""Push files of changes as soon as another DAG, or a call of the REST API, says that they are there.

The asset's event names the file in its ``extra``: ``{"path": "/var/lib/profiles/ocamba.jsonl"}``. Its lines
are changes: ``{"key": "17430755068736100383", "fields": {"full_name": "Ada Lovelace"}}``. They travel neither
through the event nor through XCom. An event that comes at the very moment at which a
run is made may be handed over with the next event only (Airflow does that).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START on_new_file]
profile_changes = Asset("profile_changes", uri="x-profiles://changes")

with DAG(
    "on_new_file",
    description="Files of changes to Ocamba Hood, whenever one is announced",
    schedule=[profile_changes],
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):

    @task
    def announced(triggering_asset_events: Any = None) -> list[str]:
        """List the files; several events may have come together, and none of them must be lost."""
        events = [event for group in triggering_asset_events.values() for event in group]
        return [event.extra["path"] for event in sorted(events, key=lambda event: event.timestamp)]

    OcambaPushProfilesOperator.partial(
        task_id="push_ocamba",
        max_failed="1%",
        # A folder: each file's rejects get a name made of the run, the task, the file's number and the try.
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
        max_active_tis_per_dagrun=1,  # one file after the other: they share a quota, and a later file wins
    ).expand(records=announced())
# [END on_new_file]
