"""Which tasks are pushes, as the page finds them in serialized DAGs."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher, task
from own_airflow import serialized
from sixth_vendor.operator import AcmePushProfilesOperator

from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.page.tasks import Place, PushTask, pushes_of
from airflow_profile_provider.triggers import ProfileChangesTrigger


def found(dag: DAG) -> dict[str, PushTask]:
    """The pushes of a DAG, by their ids."""
    return {push.task_id: push for push in pushes_of("d", serialized(dag))}


def test_a_push_is_known_with_the_connections_that_it_names() -> None:
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator(
            task_id="push", records="/a.jsonl", ledger_conn_id="led", ocamba_conn_id="eu", nulls="skip"
        )
        EmptyOperator(task_id="other")
    (push,) = found(dag).values()
    assert (push.dag_id, push.task_id, push.vendor) == ("d", "push", "ocamba")
    assert push.given == {"ocamba_conn_id": "eu", "ledger_conn_id": "led", "action": "push", "nulls": "skip"}


def test_a_template_is_not_taken_for_a_connection() -> None:
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator(task_id="push", records="/a.jsonl", ocamba_conn_id="{{ params.conn }}")
    assert "ocamba_conn_id" not in found(dag)["push"].given


def test_a_mapped_push_has_the_default_connection_unless_it_is_mapped() -> None:
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator.partial(task_id="files").expand(records=["/a.jsonl", "/b.jsonl"])
        OcambaPushProfilesOperator.partial(task_id="places", records="/a.jsonl").expand(
            ocamba_conn_id=["eu", "us"]
        )
    assert found(dag)["files"].given["ocamba_conn_id"] == "ocamba_default"
    assert "ocamba_conn_id" not in found(dag)["places"].given


def test_pushes_of_taskflow_and_of_other_vendors_are_found_too() -> None:
    with DAG("d", schedule=None) as dag:

        @task.push_profiles("ocamba")
        def rows() -> list[dict[str, Any]]:
            return []

        rows()
        AcmePushProfilesOperator(task_id="acme", records="/a.jsonl")
    assert {name: push.vendor for name, push in found(dag).items()} == {"rows": "ocamba", "acme": "acme"}


def test_an_outbox_is_known_by_its_connection() -> None:
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator(task_id="push", records=from_events(table="app.outbox"), sql_conn_id="app")
        OcambaPushProfilesOperator(
            task_id="query", sql="select 1 as id", sql_conn_id="warehouse", key="id", fields=["comment"]
        )
    pushes = found(dag)
    assert (pushes["push"].outbox, pushes["push"].given["sql_conn_id"]) == (Place("app.outbox"), "app")
    assert pushes["query"].outbox is None


def test_the_columns_of_an_outbox_are_known_by_its_watcher() -> None:
    trigger = ProfileChangesTrigger("app", table="changes", id="number", delivered=["to_a", "to_b"])
    outbox = Asset("outbox", watchers=[AssetWatcher(name="rows", trigger=trigger)])
    with DAG("d", schedule=[outbox]) as dag:
        OcambaPushProfilesOperator(
            task_id="push", records=from_events(table="changes", delivered="to_a"), sql_conn_id="app"
        )
    assert found(dag)["push"].outbox == Place("changes", "number", ("to_a", "to_b"))
