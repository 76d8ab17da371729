"""Pushes of several kinds, for the page that shows them; and a task that is no push."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG("seen_pushes", schedule=None, tags=["profiles"]):
    OcambaPushProfilesOperator(
        task_id="push_ocamba",
        records=FOLDER + "/seen/ocamba.jsonl",
        nulls="skip",
        rejects_path=FOLDER + "/seen/rejects/",
        ledger_conn_id="profile_ledger",
    )
    LightfieldPushProfilesOperator(
        task_id="push_lightfield", records=FOLDER + "/seen/lightfield.jsonl", ledger_conn_id="profile_ledger"
    )
    LightfieldPushProfilesOperator(
        task_id="plan_lightfield", records=FOLDER + "/seen/lightfield.jsonl", action="plan"
    )
    CommunifirePushProfilesOperator.partial(task_id="push_communifire").expand(
        records=[FOLDER + "/seen/communifire-0.jsonl", FOLDER + "/seen/communifire-1.jsonl"]
    )
    EmptyOperator(task_id="no_push")
