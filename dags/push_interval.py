"""Push the rows that changed in a run's data interval, so that a missed night can be pushed later.

``airflow backfill create --dag-id push_interval --from-date 2026-11-01 --to-date 2026-11-07`` pushes a week
again, one run for each night. With ``version`` and a ledger, a run for an old night never overwrites the
values of a later night. ``warehouse`` is a connection to the database of the table ``people_history``.
``profile_ledger`` is a connection to the ledger's database.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable  # from airflow.sdk since 3.2

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

# [START push_interval]
with DAG(
    "push_interval",
    description="One night's changes to Ocamba Hood; works with backfills",
    doc_md=__doc__,
    # A plain "0 5 * * *" has an interval of no length: Airflow 3 reads it as a point in time.
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["profiles", "ocamba"],
):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        # Only dates from Airflow itself are rendered into the query, never text that somebody typed.
        sql="""
            select ocamba_id, email, full_name, updated_at from people_history
            where updated_at >= '{{ data_interval_start | ts }}'
              and updated_at < '{{ data_interval_end | ts }}'
            order by updated_at
        """,
        sql_conn_id="warehouse",
        key="ocamba_id",
        fields=["email", "full_name"],
        version="updated_at",
        ledger_conn_id="profile_ledger",
        if_empty="ok",  # a night may have no changes
        max_failed=10,
        rejects_path="{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/rejects/",
    )
# [END push_interval]
