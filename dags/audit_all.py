"""Compare what all five vendors hold with the tables of the nightly chain; repair it, if the form says so.

An audit sends nothing: it reads the profiles that the last night has delivered, and writes a line for each
that differs, or is missing, to ``audits/`` in the night's folder. With the action *repair*, what differs is
sent again.

It needs the connections and the variable of ``nightly_chain``, and a run of it on the same day.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param

from airflow_profile_provider.fields import from_json
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

NIGHT = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}/{{ dag_run.run_after | ds }}"

PEOPLE: dict[str, Any] = {
    "sql": "select * from people order by person_id",
    "sql_conn_id": "warehouse",
    "key": "person_id",
}


def audited(vendor: str, *, after: str = "") -> dict[str, Any]:
    """Return the arguments that all audits share; ``after`` is the vendor from which people went on."""
    arguments = {
        "task_id": f"audit_{vendor}",
        "action": "{{ params.action }}",
        "audit_path": f"{NIGHT}/audits/{vendor}.jsonl",
    }
    return {**arguments, "only": f"{NIGHT}/{after}-delivered.txt"} if after else arguments


# [START audit_all]
with DAG(
    "audit_all",
    description="What all five vendors hold, compared with the tables",
    doc_md=__doc__,
    schedule=None,
    params={"action": Param("audit", enum=["audit", "repair"], description="repair sends what differs")},
    default_args={"ledger_conn_id": "nightly_ledger", "max_failed": 10},
    tags=["profiles"],
):
    SonoranPushProfilesOperator(
        **audited("sonoran"),
        **PEOPLE,
        match={"username": "username"},
        fields={"Display name": "full_name", "Location": "city"},  # labels, which the vendor's catalogue has
        nulls="skip",
    )
    CommunifirePushProfilesOperator(
        **audited("communifire", after="sonoran"),
        **PEOPLE,
        match={"Username": "username"},
        fields={"First name": "first_name", "Last name": "last_name", "Company": "company", "Phone": "phone"},
    )
    AgileNowPushProfilesOperator(
        **audited("agilenow", after="communifire"),
        **PEOPLE,
        match={"Email": "email"},
        fields={
            "Name": "full_name",
            "FirstName": "first_name",
            "LastName": "last_name",
            "Phone": "phone",
            "LanguageId": "language",
        },
    )
    OcambaPushProfilesOperator(
        **audited("ocamba", after="agilenow"),
        **PEOPLE,
        match={"email": "email"},
        fields={
            "email": "email",
            "full_name": "full_name",
            "mobile_phone_number": "phone",
            "comment": "comment",
        },
    )
    LightfieldPushProfilesOperator(
        **audited("lightfield"),
        sql="select * from companies order by company_id",
        sql_conn_id="warehouse",
        key="company_id",
        match={"companyNumber": "number"},
        fields={
            "$name": "name",
            "$website": from_json("websites"),
            "country": "country",
            "ticker": "symbol",
        },
    )
# [END audit_all]
