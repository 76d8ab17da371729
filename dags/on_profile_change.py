"""Push profile changes to Ocamba Hood seconds after they were committed, and every night what is left over.

An application writes each change into the table ``profile_outbox`` of its own database, in the very
transaction that makes it. The watcher announces new rows; values stay in the database until they are pushed.
A row is marked once the vendor has acknowledged it; one that could not be delivered is announced again. By
night, and by hand, everything that is owed is pushed. The table is in docs/events.md.

``profiles_app`` is a connection to that database, with the right to update the column ``delivered``.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

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
    max_active_runs=1,  # one push at a time; what is announced meanwhile goes into the next
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=from_events(),
        sql_conn_id="profiles_app",
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
        # Without retries: what got no answer is announced again, and new changes need not wait for it.
        retries=0,
    )
# [END on_profile_change]
