"""Push profile changes to Ocamba Hood seconds after they were committed, and every night those that are left.

An application writes each change into the table ``profile_outbox`` of its own database, in the transaction
that makes the change. The watcher announces new rows; their values stay in the database until they are
pushed. A row is marked when the vendor has acknowledged it. A row that could not be delivered is announced
again. The nightly run, and a manual run, push all rows without a mark. docs/events.md has the definition of
the table.

``profiles_app`` is a connection to that database, with the right to update the column ``delivered``.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.timetables.assets import AssetOrTimeSchedule  # from airflow.sdk since 3.2
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.triggers import ProfileChangesTrigger

# [START on_profile_change]
profile_outbox = Asset(
    "profile_outbox",
    uri="x-profiles://outbox",
    watchers=[AssetWatcher(name="new_rows", trigger=ProfileChangesTrigger("profiles_app", poll_seconds=1))],
)

with DAG(
    "on_profile_change",
    description="Changes from an outbox to Ocamba Hood, as soon as they are committed",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 4 * * *", timezone="UTC"), assets=[profile_outbox]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # one push at a time; rows that are announced meanwhile go into the next run
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(),
        sql_conn_id="profiles_app",
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
        # No retries: a row without an answer is announced again, and newer changes need not wait for it.
        retries=0,
    )
# [END on_profile_change]
