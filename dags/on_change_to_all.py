"""Push changes of one person to all five vendors, one after the other, seconds after they were committed.

An application writes each change into the table ``people_outbox`` of its own database, in the transaction
that makes the change. Each vendor has a column with its identifier of the person, and one for its mark. A
person whom one vendor refused does not go on to the next one. A vendor that does not answer holds nobody up:
its rows stay owed to it alone, and are announced again every minute. docs/events.md has the definition of the
table.

``profiles_app`` is a connection to that database, with the right to update the columns of the marks.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.timetables.assets import AssetOrTimeSchedule  # from airflow.sdk since 3.2
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.reports import SumReportsOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator
from airflow_profile_provider.triggers import ProfileChangesTrigger

# [START on_change_to_all]
# In this order. Vendor field: member of the column ``fields``, in which the application uses its own names.
STATIONS = {
    "sonoran": (
        SonoranPushProfilesOperator,
        {"0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90": "full_name", "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12": "city"},
    ),
    "communifire": (
        CommunifirePushProfilesOperator,
        {"First name": "first_name", "Last name": "last_name", "Phone": "phone"},
    ),
    "agilenow": (
        AgileNowPushProfilesOperator,
        {"Name": "full_name", "FirstName": "first_name", "LastName": "last_name", "Phone": "phone"},
    ),
    "ocamba": (OcambaPushProfilesOperator, {"full_name": "full_name", "mobile_phone_number": "phone"}),
    "lightfield": (
        LightfieldPushProfilesOperator,
        {"$name": "company"},
    ),  # the account of the person's company
}

people_outbox = Asset(
    "people_outbox",
    uri="x-profiles://people",
    watchers=[
        AssetWatcher(
            name="new_rows",
            trigger=ProfileChangesTrigger(
                "profiles_app",
                table="people_outbox",
                delivered=list(STATIONS),
                in_order=True,
                channel="people_outbox",  # on which PostgreSQL may notify; the looks go on as well
                poll_seconds=1,
                again_seconds=60,
            ),
        )
    ],
)

with DAG(
    "on_change_to_all",
    description="Changes from an outbox to all five vendors, as soon as they are committed",
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 3 * * *", timezone="UTC"), assets=[people_outbox]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # one push at a time; rows that are announced meanwhile go into the next run
    tags=["profiles"],
):
    pushes: list[PushProfilesOperator] = []
    for place, (vendor, (operator, mapping)) in enumerate(STATIONS.items()):
        push = operator(
            task_id=f"push_{vendor}",
            records=from_events(
                table="people_outbox",
                key=f"{vendor}_id",
                delivered=vendor,
                after=list(STATIONS)[:place],
                mapping=mapping,
            ),
            sql_conn_id="profiles_app",
            rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
            retries=0,  # a row without an answer is announced again, and newer changes need not wait for it
            trigger_rule="all_done",  # rows, not tasks, decide who goes on: see ``after``
        )
        if pushes:
            pushes[-1] >> push
        pushes.append(push)

    # One report of the whole chain; red if one of the pushes is.
    SumReportsOperator(
        task_id="add_up", reports=[push.output for push in pushes], trigger_rule="all_done", retries=0
    )
# [END on_change_to_all]
