"""Update all five vendors every morning; only changes are sent.

People go to four systems, one after the other. A person who could not be delivered to one system is not
pushed to the next one. Companies go to Lightfield at the same time. The tables need no vendor's ids: each
push finds its vendor's profiles by a user name, an e-mail address or a number, once, and remembers them. An
expression reads what the table holds as JSON.

``warehouse`` is a connection to the database of the tables ``people`` and ``companies`` (SQLite here).
``nightly_ledger`` is a connection to the ledger's database, which remembers whom each vendor's profile is
for, and what the vendor has acknowledged. (The other examples have another ledger, because they know people
by Ocamba's ids.) The Airflow variable ``profiles_folder`` is a folder that all workers can read and write.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, AssetAlias, task

from airflow_profile_provider.fields import from_json
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

# Every run has run_after. A manual run may have no logical date, and then it has no {{ ds }}.
NIGHT = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/{{ dag_run.run_after | ds }}"

# [START nightly_chain]
with DAG(
    "nightly_chain",
    description="Every morning, changes to all five vendors",
    doc_md=__doc__,
    schedule="0 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 2,  # for records without an answer; refused records are not retried
        "retry_delay": timedelta(minutes=5),
        "ledger_conn_id": "nightly_ledger",
        # A few bad records do not make the night red: they are in the rejects file, and are sent again every
        # night. A count, not a percentage: on a quiet night nothing else is sent.
        "max_failed": 10,
    },
    tags=["profiles"],
):
    people: dict[str, Any] = {
        "sql": """
            select person_id, username, email, first_name, last_name, full_name, phone, company, city,
                language, comment
            from people order by person_id
        """,
        "sql_conn_id": "warehouse",
        "key": "person_id",  # our own id: the ledger, the files of delivered keys and the rejects have it
    }

    # [START chain]
    sonoran = SonoranPushProfilesOperator(
        task_id="push_sonoran",
        **people,
        match={"username": "username"},  # how the vendor's profile is found, once
        fields={
            "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90": "full_name",
            "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12": "city",
        },
        nulls="skip",  # an unknown city leaves the old one as it is
        batch_size=20,
        delivered_path=f"{NIGHT}/sonoran-delivered.txt",
        rejects_path=f"{NIGHT}/rejects/sonoran.jsonl",
    )
    communifire = CommunifirePushProfilesOperator(
        task_id="push_communifire",
        **people,
        only=f"{NIGHT}/sonoran-delivered.txt",  # only people that Sonoran has acknowledged
        match={"Username": "username"},
        fields={"First name": "first_name", "Last name": "last_name", "Company": "company", "Phone": "phone"},
        delivered_path=f"{NIGHT}/communifire-delivered.txt",
        rejects_path=f"{NIGHT}/rejects/communifire.jsonl",
    )
    agilenow = AgileNowPushProfilesOperator(
        task_id="push_agilenow",
        **people,
        only=f"{NIGHT}/communifire-delivered.txt",
        match={"Email": "email"},
        fields={
            "Name": "full_name",
            "FirstName": "first_name",
            "LastName": "last_name",
            "Phone": "phone",
            "LanguageId": "language",
        },
        delivered_path=f"{NIGHT}/agilenow-delivered.txt",
        rejects_path=f"{NIGHT}/rejects/agilenow.jsonl",
    )
    ocamba = OcambaPushProfilesOperator(
        task_id="push_ocamba",
        **people,
        only=f"{NIGHT}/agilenow-delivered.txt",
        match={"email": "email"},
        fields={
            "email": "email",
            "full_name": "full_name",
            "mobile_phone_number": "phone",
            "comment": "comment",
        },
        delivered_path=f"{NIGHT}/ocamba-delivered.txt",
        rejects_path=f"{NIGHT}/rejects/ocamba.jsonl",
        outlets=[AssetAlias("ocamba_changed")],  # starts after_push.py if anything was acknowledged
    )
    sonoran >> communifire >> agilenow >> ocamba
    # [END chain]

    lightfield = LightfieldPushProfilesOperator(
        task_id="push_lightfield",
        sql="select company_id, number, name, websites, country, symbol from companies order by company_id",
        sql_conn_id="warehouse",
        key="company_id",
        match={"companyNumber": "number"},  # an attribute that the workspace has added
        fields={
            "$name": "name",
            "$website": from_json("websites"),  # a list of addresses, which the table holds as JSON text
            "country": "country",
            "ticker": "symbol",
        },
        delivered_path=f"{NIGHT}/lightfield-delivered.txt",
        rejects_path=f"{NIGHT}/rejects/lightfield.jsonl",
    )

    @task
    def print_reports(reports: dict[str, Any]) -> None:
        """Print the reports of the night; a red task has left its report, too."""
        for vendor, report in reports.items():
            counts = {name: count for name, count in (report or {}).items() if count}
            print(f"{vendor}: {counts or 'no report'}")

    pushes = {
        "sonoran": sonoran,
        "communifire": communifire,
        "agilenow": agilenow,
        "ocamba": ocamba,
        "lightfield": lightfield,
    }
    # A teardown also runs after red tasks, and its success does not make the run green.
    print_reports({vendor: push.output for vendor, push in pushes.items()}).as_teardown()
# [END nightly_chain]
