"""What OpenLineage's own library sends of a push: datasets, columns, counts, and no value of anybody."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from include.demo.stage import databases
from include.local_airflow import LocalAirflow

from airflow_profile_provider.sandbox import Sandbox

from .conftest import BUNDLES, connections

pytestmark = pytest.mark.long

CANARIES = {"email": "canary-email@example.com", "name": "Canary-Name"}
LITERAL = "Canary-Literal"
QUERY = f"""
    with recent as (select ocamba_id as id, mail, name, updated from people where name <> '{LITERAL}')
    select recent.id, recent.mail as email, recent.name as full_name, notes.text as comment
    from recent join notes on notes.person = recent.id order by updated
"""
FIELDS = {"email": "email", "full_name": "full_name", "comment": "comment"}


class Told:
    """A run in a process of its own, where OpenLineage is switched on, and the events that it wrote."""

    def __init__(self, airflow: LocalAirflow, file: Path) -> None:
        self._airflow = airflow
        self._file = file

    def run(self, **given: Any) -> tuple[str, dict[str, Any]]:
        """Push; return the run's state and the report."""
        self._airflow.more["AIRFLOW_VAR_ONE_PUSH"] = json.dumps(given)
        with suppress(RuntimeError):  # the run may well be red
            self._airflow.run("dags", "test", "one_push", log="one_push.log")
        with closing(sqlite3.connect(self._airflow.database)) as connection:
            query = "select run_id, state from dag_run where dag_id = 'one_push' order by id desc limit 1"
            run_id, state = connection.execute(query).fetchone()
        return state, self._airflow.returned("one_push", run_id)["push", -1]

    def event(self, kind: str) -> dict[str, Any]:
        """The push's event of a type."""
        found = [json.loads(line) for line in self.said.splitlines()]
        mine = [each for each in found if each["job"]["name"] == "one_push.push"]
        (one,) = [each for each in mine if each["eventType"] == kind]
        return dict(one)

    @property
    def said(self) -> str:
        """All events as they were sent."""
        return self._file.read_text()


@pytest.fixture
def told(bundles: LocalAirflow, sandbox: Sandbox, tmp_path: Path) -> Told:
    file = tmp_path / "openlineage.jsonl"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    files = databases(tmp_path / "people.db", tmp_path / "ledger.db")
    more = {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
        for name, connection in {**connections(sandbox), **files}.items()
    }
    more |= {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW_VAR_PROFILES_FOLDER": str(tmp_path),
    }
    return Told(LocalAirflow(bundles.home, bundles.dags, port=bundles.port, more=more), file)


def names(datasets: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(dataset["namespace"], dataset["name"]) for dataset in datasets}


def lines(dataset: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """The columns that each field comes from."""
    fields = dataset["facets"]["columnLineage"]["fields"]
    return {
        name: [(source["name"], source["field"]) for source in field["inputFields"]]
        for name, field in fields.items()
    }


def secrets_and_values(sandbox: Sandbox) -> list[str]:
    tokens = [connection["password"] for connection in sandbox.connections().values()]
    return [*CANARIES.values(), LITERAL, *tokens, *sandbox.keys("ocamba")]


def test_a_query_is_traced_from_its_tables_and_columns_to_the_vendors_fields(
    told: Told, sandbox: Sandbox, tmp_path: Path
) -> None:
    keys = list(sandbox.keys("ocamba"))[:3]
    with closing(sqlite3.connect(tmp_path / "people.db")) as connection, connection:
        connection.execute("create table people (ocamba_id, mail, name, updated)")
        connection.execute("create table notes (person, text)")
        for key in keys:
            row = [key, CANARIES["email"], CANARIES["name"], 1]
            connection.execute("insert into people values (?, ?, ?, ?)", row)
            connection.execute("insert into notes values (?, ?)", [key, CANARIES["name"]])
    _, report = told.run(
        sql=QUERY,
        sql_conn_id="warehouse",
        key="id",
        fields=FIELDS,
        delivered_path=str(tmp_path / "delivered.txt"),
    )
    assert report["pushed"] == 3
    started, complete = told.event("START"), told.event("COMPLETE")
    database = f"sqlite://{tmp_path / 'people.db'}"
    vendor = (f"ocamba://{urlsplit(sandbox.url).netloc}", "profiles")
    for event in (started, complete):
        assert names(event["inputs"]) == {(database, "main.people"), (database, "main.notes")}
        assert names(event["outputs"]) == {vendor, ("file", str(tmp_path / "delivered.txt"))}
        (written,) = [each for each in event["outputs"] if (each["namespace"], each["name"]) == vendor]
        assert lines(written) == {
            "id": [("main.people", "ocamba_id")],
            "email": [("main.people", "mail")],
            "full_name": [("main.people", "name")],
            "comment": [("main.notes", "text")],
        }
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 3
    counts = complete["run"]["facets"]["profilePush"]
    assert (counts["received"], counts["verdicts"]["pushed"], counts["complete"]) == (3, 3, True)
    assert "profilePush" not in started["run"]["facets"]
    said = told.said
    assert [canary for canary in secrets_and_values(sandbox) if canary in said] == []


def test_a_red_push_tells_what_it_has_written_and_where_the_rejects_are(
    told: Told, sandbox: Sandbox, tmp_path: Path
) -> None:
    keys = [*list(sandbox.keys("ocamba"))[:2], "17430755068736109999"]
    source = tmp_path / "people.csv"
    source.write_text("id,mail\n" + "".join(f"{key},{CANARIES['email']}\n" for key in keys))
    state, report = told.run(
        records=str(source), key="id", fields={"email": "mail"}, rejects_path=str(tmp_path / "rejects.jsonl")
    )
    assert state == "failed"
    failed = told.event("FAIL")
    assert names(failed["inputs"]) == {("file", str(source))}
    (vendor, rejects) = failed["outputs"]
    assert lines(vendor) == {"email": [(str(source), "mail")], "id": [(str(source), "id")]}
    assert vendor["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert rejects["name"] == report["rejects"]
    assert failed["run"]["facets"]["profilePush"]["verdicts"]["rejected"] == 1
    said = told.said
    assert [canary for canary in [*secrets_and_values(sandbox), keys[-1]] if canary in said] == []


def test_a_plan_writes_nothing_to_the_vendor_and_a_list_has_no_dataset(
    told: Told, sandbox: Sandbox, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.jsonl")
    change = {"key": next(iter(sandbox.keys("ocamba"))), "fields": {"full_name": CANARIES["name"]}}
    _, report = told.run(records=[change], action="plan", plan_path=plan)
    assert report["planned"] == 1
    complete = told.event("COMPLETE")
    assert complete["inputs"] == []
    assert names(complete["outputs"]) == {("file", plan)}
    assert complete["run"]["facets"]["profilePush"]["action"] == "plan"
    said = told.said
    assert [canary for canary in secrets_and_values(sandbox) if canary in said] == []
