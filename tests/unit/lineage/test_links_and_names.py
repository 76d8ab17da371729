"""Links, addresses and datasets: what each is called, and that nothing secret is part of a name."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseHook
from own_airflow import serialized

from airflow_profile_provider.hooks.communifire import CommunifireHook
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.hooks.sonoran import SonoranHook
from airflow_profile_provider.lineage.datasets import origin_of_file, origin_of_sql
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.links import RejectsLink, VendorLink, address_of, push_view
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.page.plugin import TAB_ROUTE
from airflow_profile_provider.reports import Report

TI = SimpleNamespace(dag_id="d", run_id="r", task_id="push", map_index=-1)
VIEW = f"/dags/d/runs/r/tasks/push/plugin/{TAB_ROUTE}"
"""The page's view of that push."""


@pytest.fixture(autouse=True)
def _connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(name: str, **connection: object) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    connect("ocamba_default", conn_type="ocamba", password="S3cretToken")
    connect("site", conn_type="communifire", host="Intranet.example.com", port=443, password="S3cretToken")
    connect("below", conn_type="communifire", host="https://example.com:8443/hub/", password="S3cretToken")
    connect(
        "staging",
        conn_type="sonoran",
        host="https://staging-api.dev.sonorancms.com",
        login="42",
        password="S3cretToken",
    )
    connect("amazon", conn_type="aws", login="AKIA", password="S3cretToken")
    connect("minio", conn_type="aws", password="S3cretToken", extra={"endpoint_url": "https://minio:9000"})
    connect(
        "dwh",
        conn_type="postgres",
        host="db.example.com",
        schema="marts",
        login="reader",
        password="S3cretToken",
    )
    connect("elsewhere", conn_type="postgres", extra={"options": "-c search_path=sales,public"})
    connect("file", conn_type="sqlite", host="/data/people.db")
    connect("api", conn_type="http", host="https://example.com")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


# -- links --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("s3://amazon@marts/rejects/night 1.jsonl", "https://console.aws.amazon.com/s3/object/marts?prefix=rejects/night%201.jsonl"),
        ("s3://marts/r.jsonl", "https://console.aws.amazon.com/s3/object/marts?prefix=r.jsonl"),
        ("s3://minio@marts/r.jsonl", VIEW),
        ("s3://nobody@marts/r.jsonl", VIEW),
        ("gs://google@marts/r/n.jsonl", "https://console.cloud.google.com/storage/browser/_details/marts/r/n.jsonl"),
        ("https://me:S3cretToken@files.example.com/r.jsonl?sig=S3cretToken", "https://files.example.com/r.jsonl"),
        ("abfs://azure@box/r.jsonl", VIEW),
        ("file:///data/r.jsonl", VIEW),
        ("/data/r.jsonl", VIEW),
    ],
)  # fmt: skip
def test_a_link_to_the_rejects_opens_them_or_the_pages_view_of_the_push(path: str, link: str) -> None:
    operator = OcambaPushProfilesOperator(task_id="push", records=[])
    operator.report = Report(rejects=path)
    assert RejectsLink().get_link(operator, ti_key=TI) == link


def test_a_store_of_ones_own_has_no_page_at_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio:9000")
    assert address_of("s3://marts/r.jsonl") == ""


def test_without_rejects_or_report_the_link_leads_to_the_push() -> None:
    operator = OcambaPushProfilesOperator(task_id="push", records=[])
    assert RejectsLink().get_link(operator, ti_key=TI) == VIEW
    operator.report = Report()
    assert RejectsLink().get_link(operator, ti_key=TI) == VIEW


def test_the_view_of_a_mapped_push_is_below_the_path_of_this_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")
    key = SimpleNamespace(dag_id="nightly chain", run_id="a+b:c", task_id="group.push", map_index=3)
    assert push_view(key) == (
        f"/team/dags/nightly%20chain/runs/a%2Bb%3Ac/tasks/group.push/mapped/3/plugin/{TAB_ROUTE}"
    )


def names_of_links(**given: Any) -> list[str]:
    """The links of a push as Airflow keeps them, mapped and not."""
    with DAG("d", schedule=None) as dag:
        OcambaPushProfilesOperator(task_id="push", records=[], **given)
        OcambaPushProfilesOperator.partial(task_id="mapped", **given).expand(records=["/a.jsonl"])
    push, mapped = (
        task["__var"].get("_operator_extra_links", {}) for task in serialized(dag)["dag"]["tasks"]
    )
    assert push == mapped
    return list(push)


def test_a_push_has_no_link_that_leads_nowhere() -> None:
    assert names_of_links() == []
    assert names_of_links(rejects_path="/r/") == ["Rejects"]
    site = CommunifirePushProfilesOperator(task_id="push", records=[])
    assert [link.name for link in site.operator_extra_links] == ["Vendor"]


def test_a_link_to_the_vendor_is_there_where_its_pages_are_documented() -> None:
    site = CommunifirePushProfilesOperator(task_id="push", records=[], communifire_conn_id="site")
    assert VendorLink().get_link(site, ti_key=TI) == "https://intranet.example.com:443"
    assert SonoranHook("staging").site == "https://staging.dev.sonorancms.com"
    ocamba = OcambaPushProfilesOperator(task_id="push", records=[])
    assert VendorLink().get_link(ocamba, ti_key=TI) == ""


def test_a_missing_connection_is_no_reason_for_a_link_to_fail() -> None:
    operator = OcambaPushProfilesOperator(task_id="push", records=[], ocamba_conn_id="nowhere")
    assert VendorLink().get_link(operator, ti_key=TI) == ""


# -- names --------------------------------------------------------------------------------------------------


def test_what_is_pushed_to_is_named_by_its_host() -> None:
    assert OcambaHook().address == "ocamba://api.ocamba.com/profiles"
    assert CommunifireHook("site").address == "communifire://intranet.example.com/users"
    assert CommunifireHook("below").address == "communifire://example.com:8443/hub/users"


@pytest.mark.parametrize(
    ("path", "dataset"),
    [
        ("/data/people.csv", ("file", "/data/people.csv")),
        ("file:///data/people.csv", ("file", "/data/people.csv")),
        ("s3://amazon@marts/people/x.parquet", ("s3://marts", "people/x.parquet")),
        ("gcs://marts/people.csv", ("gs://marts", "people.csv")),
        ("https://me:S3cretToken@example.com/p.csv?token=S3cretToken", ("https://example.com", "p.csv")),
    ],
)
def test_a_file_is_named_without_connection_and_credential(path: str, dataset: tuple[str, str]) -> None:
    assert origin_of_file(path).datasets == (dataset,)


@pytest.mark.parametrize(
    ("conn_id", "namespace", "name"),
    [
        ("dwh", "postgres://db.example.com:5432", "marts.public.people"),
        ("elsewhere", "postgres://localhost:5432", "sales.people"),
        ("file", "sqlite:///data/people.db", "main.people"),
    ],
)
def test_a_table_is_named_by_its_server_and_schema(conn_id: str, namespace: str, name: str) -> None:
    origin = origin_of_sql(BaseHook.get_connection(conn_id), 'select id, mail as email from "people"')
    assert origin.datasets == ((namespace, name),)
    assert origin.sources("email") == (((namespace, name), "mail"),)


def test_a_star_takes_its_names_from_the_only_table() -> None:
    table = ("sqlite:///data/people.db", "main.people")
    connection = BaseHook.get_connection("file")
    assert origin_of_sql(connection, "select * from people").sources("email") == ((table, "email"),)
    two = origin_of_sql(connection, "select * from people join notes on notes.person = people.id")
    assert (len(two.datasets), two.sources("email")) == (2, ())
    constant = origin_of_sql(connection, "select id, 'x' as email from people")
    assert constant.sources("email") == ()


def test_what_is_not_understood_is_not_told() -> None:
    assert origin_of_sql(BaseHook.get_connection("file"), "sel broken").datasets == ()
    assert origin_of_sql(BaseHook.get_connection("api"), "select 1").datasets == ()
    assert origin_of_sql(BaseHook.get_connection("amazon"), "select id from people").datasets == ()


def test_the_source_of_events_is_the_outbox_that_they_announce() -> None:
    pytest.importorskip("airflow.providers.openlineage")
    from airflow_profile_provider.lineage.facets import lineage_of

    push = OcambaPushProfilesOperator(
        task_id="push", records=from_events(table="app.outbox"), sql_conn_id="dwh"
    )
    inputs = [(dataset.namespace, dataset.name) for dataset in lineage_of(push).inputs]
    assert inputs == [("postgres://db.example.com:5432", "marts.app.outbox")]
